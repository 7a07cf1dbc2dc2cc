/**
 * Turns socket, TLS and HTTP errors of Node into one TransportError with the hop that failed and one clear sentence.
 * Pure. Called by the HTTPS transport, the dialler and the TLS probe.
 */
import { TransportError, type TransportHop } from '../client/transport.js';

/** Who was being reached, as a user should read it: `hub at example.com:6443`. */
export interface Peer {
  readonly label: string;
  readonly host: string;
  readonly port: number;
}

export function formatPeer({ label, host, port }: Peer): string {
  return `${label} at ${host.includes(':') ? `[${host}]` : host}:${port}`;
}

type Entry = readonly [hop: TransportHop, why: string];

const known: Readonly<Record<string, Entry>> = {
  ENOTFOUND: ['dns', 'the host name is not known (DNS)'],
  EAI_AGAIN: ['dns', 'the name server does not answer (DNS)'],
  EAI_FAIL: ['dns', 'the name server failed (DNS)'],
  ECONNREFUSED: ['tcp', 'connection refused (TCP)'],
  EHOSTUNREACH: ['tcp', 'no route to the host (TCP)'],
  ENETUNREACH: ['tcp', 'the network is unreachable (TCP)'],
  EADDRNOTAVAIL: ['tcp', 'no local address or port is free (TCP)'],
  ETIMEDOUT: ['timeout', 'the connection attempt timed out (TCP)'],
  ECONNRESET: ['closed', 'the connection was reset'],
  EPIPE: ['closed', 'the connection was closed by the server'],
  ERR_STREAM_PREMATURE_CLOSE: ['closed', 'the connection was closed before the answer was complete'],
  ERR_HTTP2_PING_CANCEL: ['closed', 'the connection was lost'],
  CERT_HAS_EXPIRED: ['ca', "its certificate has expired, or this machine's clock is wrong (clock)"],
  CERT_NOT_YET_VALID: ['ca', "its certificate is not valid yet, or this machine's clock is wrong (clock)"],
  CERT_REVOKED: ['ca', 'its certificate has been revoked (CA)'],
  INVALID_CA: ['ca', 'a CA certificate in its chain is not allowed to sign (CA)'],
  INVALID_PURPOSE: ['ca', 'its certificate is not meant for servers (CA)'],
  CERT_SIGNATURE_FAILURE: ['ca', 'the signature of its certificate is wrong (CA)'],
};

const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
]);

/** A TransportError comes back as it is. */
export function toTransportError(cause: unknown, peer: Peer, phase: 'dial' | 'tls' | 'http'): TransportError {
  if (cause instanceof TransportError) return cause;
  const [hop, why] = classify(cause, phase);
  const lead = hop === 'closed' && phase === 'http' ? 'lost' : 'cannot reach';
  return new TransportError(hop, `${lead} ${formatPeer(peer)}: ${why}`, { cause });
}

function classify(cause: unknown, phase: 'dial' | 'tls' | 'http'): Entry {
  const error = firstError(cause);
  const code = error?.code ?? '';
  const message = error?.message ?? String(cause);
  if (untrusted.has(code)) return ['ca', 'its certificate is not signed by the trusted CA (CA)'];
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return ['ca', nameMismatch(error)];
  if (/ALERT/i.test(code) || /alert (number|bad|unknown|certificate)/i.test(message)) {
    return [
      'tls',
      `the server refused the TLS connection or the client certificate: ${alertName(code, message)} (TLS)`,
    ];
  }
  if (
    code === 'ERR_SSL_WRONG_VERSION_NUMBER' ||
    /wrong version number|packet length too long/i.test(message)
  ) {
    return ['tls', 'the server does not speak TLS on this port (TLS)'];
  }
  if (code.startsWith('ERR_SSL') || code === 'EPROTO')
    return ['tls', `the TLS handshake failed: ${message} (TLS)`];
  if (code.startsWith('ERR_OSSL') || code === 'ERR_TLS_INVALID_CONTEXT') {
    return ['config', `the client certificate, its key or the CA cannot be used (${message})`];
  }
  if (phase === 'tls' && (code === 'ECONNRESET' || code === 'EPIPE')) {
    return ['tls', 'the connection was closed during the TLS handshake (TLS)'];
  }
  return known[code] ?? [phase === 'http' ? 'closed' : 'tcp', message];
}

interface NodeError extends Error {
  readonly code?: string;
  readonly cert?: { readonly subjectaltname?: string; readonly subject?: { readonly CN?: string } };
}

/** Node joins the failures of several addresses of one name; they fail alike, so the first one speaks for all. */
function firstError(cause: unknown): NodeError | undefined {
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0];
  return cause instanceof Error ? cause : undefined;
}

function nameMismatch(error: NodeError | undefined): string {
  const names = error?.cert?.subjectaltname?.replaceAll(/DNS:|IP Address:/g, '') ?? error?.cert?.subject?.CN;
  return names === undefined
    ? 'its certificate is for another name (CA)'
    : `its certificate is for other names: ${names} (CA)`;
}

function alertName(code: string, message: string): string {
  const name = code.replace(/^ERR_SSL_(TLSV\d+_|SSLV\d+_)?ALERT_/, '');
  return name !== code && name !== '' ? name.toLowerCase().replaceAll('_', ' ') : message;
}
