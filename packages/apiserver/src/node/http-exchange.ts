/**
 * A request and the way to its answer, the same over HTTP/1.1 and HTTP/2, and what is known of the peer. Called by the
 * HTTP front.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';

export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
  readonly peer: Peer;
  /** The request's body. */
  readonly readable: Readable;
  /** The answer's body. */
  readonly writable: Writable;
  headSent(): boolean;
  /** `atOnce`: not with the first piece of the body, which may be long in coming. */
  sendHead(status: number, headers: OutgoingHttpHeaders, options?: { readonly atOnce?: boolean }): void;
}

/** The other end of a TLS connection. */
export interface Peer {
  readonly address: string;
  /** Its chain as DER, leaf first. */
  readonly certificates: readonly Uint8Array[];
}

export function http1Exchange(request: IncomingMessage, response: ServerResponse): Exchange {
  return {
    method: request.method ?? 'GET',
    url: request.url ?? '/',
    headers: request.headers,
    rawHeaders: request.rawHeaders,
    peer: peerOf(request.socket, request.socket),
    readable: request,
    writable: response,
    headSent: () => response.headersSent,
    sendHead: (status, headers, { atOnce = false } = {}) => {
      response.writeHead(status, headers);
      if (atOnce) response.flushHeaders();
    },
  };
}

export function http2Exchange(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): Exchange {
  const { session } = stream;
  if (headers.expect === '100-continue') stream.additionalHeaders({ ':status': 100 });
  return {
    method: headers[':method'] ?? 'GET',
    url: headers[':path'] ?? '/',
    headers,
    rawHeaders,
    peer: session === undefined ? { address: '', certificates: [] } : peerOf(session, session.socket),
    readable: stream,
    writable: stream,
    headSent: () => stream.headersSent,
    sendHead: (status, answerHeaders) => stream.respond({ ...answerHeaders, ':status': status }),
  };
}

const peers = new WeakMap<object, Peer>();

/** Once per connection: asking OpenSSL for the chain costs more than a small GET. */
function peerOf(connection: object, socket: Socket | TLSSocket): Peer {
  const known = peers.get(connection);
  if (known !== undefined) return known;
  const peer = { address: socket.remoteAddress ?? '', certificates: peerCertificates(socket as TLSSocket) };
  peers.set(connection, peer);
  return peer;
}

/** As DER, the leaf first. Without taking it apart, which the API's own reader does for those it has not seen. */
function peerCertificates(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined && chain.length < 8) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}
