/**
 * From the pin in a join string to the hub's CA: the certificates that the hub shows are worth nothing until one of
 * them has the pinned key and has signed the others. Nothing secret is sent before that.
 */
import type { JoinString } from '@flotilla/api';
import { parseCertificate, publicKeyHash, toPem, verifyChain } from '@flotilla/kube';

/** The hub shows a certificate that is not that of the join string, or not good at this hour. */
export class PinError extends Error {
  override readonly name = 'PinError';
  readonly hop: 'ca' | 'clock';

  constructor(hop: 'ca' | 'clock', message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.hop = hop;
  }
}

/** Asks a TLS server for its chain (DER, leaf first) without trusting it. */
export type TlsProbe = (address: { host: string; port: number }) => Promise<readonly Uint8Array[]>;

/**
 * The hub's CA as PEM.
 * @throws PinError when the pin does not match or the hub's certificate is not (or not now) signed by that CA;
 * TransportError when the hub cannot be reached.
 */
export async function fetchPinnedCa(
  join: Pick<JoinString, 'server' | 'caHash'>,
  options: { probe: TlsProbe; nowMs: number },
): Promise<string> {
  const url = new URL(join.server);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const chain = await options.probe({ host, port: Number(url.port || 443) });
  const ca = chain.find((certificate) => publicKeyHash(certificate) === join.caHash);
  const leaf = chain[0];
  if (ca === undefined || leaf === undefined) {
    throw new PinError(
      'ca',
      `the hub at ${join.server} does not match the pin in the join string (CA): somebody is in between, or the hub was set up anew; make a new join string with "hub token create"`,
    );
  }
  const { notBeforeMs, notAfterMs } = parseCertificate(leaf);
  if (options.nowMs < notBeforeMs || options.nowMs > notAfterMs) {
    throw new PinError(
      'clock',
      `the hub's certificate is valid from ${iso(notBeforeMs)} to ${iso(notAfterMs)}, and this machine's clock says ${iso(options.nowMs)}: set the clock (clock)`,
    );
  }
  try {
    const intermediates = chain.slice(1);
    verifyChain(leaf, { cas: [ca], intermediates, nowMs: options.nowMs, usage: 'serverAuth' });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PinError('ca', `the certificate of the hub at ${join.server} is not good (CA): ${why}`, {
      cause,
    });
  }
  return toPem('CERTIFICATE', ca);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
