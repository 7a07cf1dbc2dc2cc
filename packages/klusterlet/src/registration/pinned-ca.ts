/**
 * From the pin in a join string to the hub's CA: the certificates that the hub shows are worth nothing until one of
 * them has the pinned key and has signed the others, or an authority that is known has. Nothing secret is sent before.
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

/** The chain (DER, leaf first) that the hub at this address showed, at this hour. */
export interface ShownChain {
  readonly server: string;
  readonly chain: readonly Uint8Array[];
  readonly nowMs: number;
}

/**
 * The hub's CA as PEM.
 * @throws PinError when the pin does not match or the hub's certificate is not (or not now) signed by that CA;
 * TransportError when the hub cannot be reached.
 */
export async function fetchPinnedCa(
  { server, caHash }: Pick<JoinString, 'server' | 'caHash'>,
  { probe, nowMs }: { probe: TlsProbe; nowMs: number },
): Promise<string> {
  const url = new URL(server);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const chain = await probe({ host, port: Number(url.port || 443) });
  return findPinnedCa({ server, chain, nowMs }, caHash);
}

/** The certificate of the chain that has the pinned key, as PEM. @throws PinError as above. */
export function findPinnedCa(shown: ShownChain, caHash: string): string {
  const ca = shown.chain.find((certificate) => publicKeyHash(certificate) === caHash);
  if (ca === undefined) {
    throw new PinError(
      'ca',
      `the hub at ${shown.server} does not match the pin in the join string (CA): somebody is in between, or the hub was set up anew; make a new join string with "hub token create"`,
    );
  }
  const pem = toPem('CERTIFICATE', ca);
  checkChain(shown, pem);
  return pem;
}

/**
 * For who has the hub's authorities already, as a bundle: a hub need not show its CA then, and those of other
 * systems do not. @throws PinError unless one of them has signed what the hub shows, and it is good now.
 */
export function checkChain({ server, chain, nowMs }: ShownChain, ca: string): void {
  const [leaf, ...intermediates] = chain;
  if (leaf === undefined) throw new PinError('ca', `the hub at ${server} shows no certificate (CA)`);
  const { notBeforeMs, notAfterMs } = parseCertificate(leaf);
  if (nowMs < notBeforeMs || nowMs > notAfterMs) {
    throw new PinError(
      'clock',
      `the hub's certificate is valid from ${iso(notBeforeMs)} to ${iso(notAfterMs)}, and this machine's clock says ${iso(nowMs)}: set the clock (clock)`,
    );
  }
  try {
    verifyChain(leaf, { cas: [ca], intermediates, nowMs, usage: 'serverAuth' });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PinError('ca', `the certificate of the hub at ${server} is not good (CA): ${why}`, { cause });
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
