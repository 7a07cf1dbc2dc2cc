/**
 * Looks at what a TLS server presents, trusting nothing and sending nothing but the handshake: for joining by a
 * pinned CA, and for telling users what is wrong with a certificate. Called by the registration of the klusterlet.
 */
import { createHash } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { TransportError } from '../client/transport.js';
import type { Clock } from '../env/env.js';
import { dial } from './dial.js';
import { bypassesProxy, type ProxyOptions } from './proxy.js';
import { formatPeer, type Peer } from './transport-errors.js';

export interface ProbeTlsOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  /** Default: the host. */
  readonly tlsServerName?: string;
  readonly proxy?: ProxyOptions;
  /** Default 15,000. */
  readonly timeoutMs?: number;
  /** What the server is called in error messages; default `Kubernetes API`. */
  readonly label?: string;
  readonly signal?: AbortSignal;
}

export interface TlsProbe {
  /** DER, leaf first, as far as the server sent it. */
  readonly certificates: readonly Uint8Array[];
  /** Lower-case hex of the SHA-256 of the leaf. */
  readonly leafSha256: string;
  /** `h2`, `http/1.1`, or undefined when the server took no part in the choice. */
  readonly alpnProtocol: string | undefined;
  readonly tlsVersion: string;
}

/** Rejects with TransportError when no TLS handshake was had. */
export async function probeTls(options: ProbeTlsOptions): Promise<TlsProbe> {
  const { clock, host, port, proxy, signal, tlsServerName } = options;
  const peer: Peer = { label: options.label ?? 'Kubernetes API', host, port };
  const proxied = proxy !== undefined && !bypassesProxy(peer, proxy.noProxy ?? '');
  const socket = (await dial(peer, {
    clock,
    connectTimeoutMs: options.timeoutMs ?? 15_000,
    ...(signal && { signal }),
    ...(proxied && { proxy }),
    tls: {
      rejectUnauthorized: false, // looking is all that is done here
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2', 'http/1.1'],
      ...(tlsServerName !== undefined && { servername: tlsServerName }),
    },
  })) as TLSSocket; // dial gives a TLSSocket when `tls` is set
  try {
    const certificates = chainOf(socket.getPeerCertificate(true));
    const [leaf] = certificates;
    if (leaf === undefined) throw new TransportError('tls', `${formatPeer(peer)} presented no certificate`);
    return {
      certificates,
      leafSha256: createHash('sha256').update(leaf).digest('hex'),
      alpnProtocol: socket.alpnProtocol === false ? undefined : (socket.alpnProtocol ?? undefined),
      tlsVersion: socket.getProtocol() ?? '',
    };
  } finally {
    socket.destroy();
  }
}

/** Node links a self-signed certificate to itself. */
function chainOf(leaf: DetailedPeerCertificate): Uint8Array[] {
  const chain: Uint8Array[] = [];
  const seen = new Set<string>();
  let at: DetailedPeerCertificate | undefined = leaf;
  while (at?.raw !== undefined && !seen.has(at.fingerprint256)) {
    seen.add(at.fingerprint256);
    chain.push(at.raw);
    at = at.issuerCertificate;
  }
  return chain;
}
