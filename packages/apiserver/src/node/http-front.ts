/**
 * The API server's HTTP edge: one TLS port for HTTP/2 and HTTP/1.1, which turns exchanges into `ApiRequest` and
 * writes `ApiResponse` back. It bounds bodies, keeps no state beside open sockets, and knows nothing of Kubernetes
 * but the Status that it answers when a body is too large.
 */
import type { IncomingMessage } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { gzip } from 'node:zlib';
import { newStatusError, StatusError } from '@flotilla/api';
import type { Logger } from '@flotilla/kube';
import type { ApiHandler, ApiRequest, ApiResponse, ResponseSink } from '../server/handler.js';

export interface HttpFrontOptions {
  readonly host: string;
  /** 0 chooses a free port. */
  readonly port: number;
  /** PEM: leaf first; the CA last, so that a joining klusterlet can check it against its pin. */
  readonly certificate: string;
  readonly privateKey: string;
  /** PEM bundle named to clients as acceptable client-certificate issuers. */
  readonly clientCa: string;
  readonly log: Logger;
  readonly limits?: Partial<HttpFrontLimits>;
}

export interface HttpFrontLimits {
  /** 3 MiB, as the kube-apiserver. */
  readonly maxBodyBytes: number;
  /** Streams on one HTTP/2 connection: a Go process multiplexes all its informers on one. */
  readonly maxConcurrentStreams: number;
  /** Answers above this are compressed when the client accepts gzip. */
  readonly gzipFromBytes: number;
  /** A stream whose client reads nothing is given up beyond this many unsent bytes. */
  readonly maxUnsentBytes: number;
}

export const defaultHttpFrontLimits: HttpFrontLimits = Object.freeze({
  maxBodyBytes: 3 * 1024 * 1024,
  maxConcurrentStreams: 1000,
  gzipFromBytes: 128 * 1024,
  maxUnsentBytes: 8 * 1024 * 1024,
});

export interface HttpFront {
  readonly port: number;
  /** Serves new connections with another certificate. */
  setCertificate(certificate: string, privateKey: string): void;
  /** Stops listening, lets running requests end for `graceMs`, then cuts what is left. */
  close(options: { graceMs: number }): Promise<void>;
}

type Request = IncomingMessage | Http2ServerRequest;
/** Over HTTP/1.1 this is an http.ServerResponse, which has all that is used here. */
type Response = Http2ServerResponse;

/** @throws the listen error (EADDRINUSE, EACCES ...) as Node gives it. */
export async function serveHttps(handler: ApiHandler, options: HttpFrontOptions): Promise<HttpFront> {
  const limits = { ...defaultHttpFrontLimits, ...options.limits };
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const server: Http2SecureServer = createSecureServer({
    allowHTTP1: true,
    cert: options.certificate,
    key: options.privateKey,
    ca: options.clientCa,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    settings: { maxConcurrentStreams: limits.maxConcurrentStreams, initialWindowSize: 1024 * 1024 },
    maxSessionMemory: 64,
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (error: Error) => {
    options.log.debug('tls handshake failed', { error: error.message });
  });
  server.on('sessionError', (error: Error) =>
    options.log.debug('http2 session failed', { error: error.message }),
  );
  server.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
    void exchange({ handler, request, response, limits, log: options.log });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error: Error) => options.log.error('https server failed', { error: error.message }));
  return {
    port: (server.address() as AddressInfo).port, // a TCP server's address is never a string
    setCertificate: (certificate, privateKey) =>
      server.setSecureContext({ cert: certificate, key: privateKey, ca: options.clientCa }),
    close: ({ graceMs }) => closeServer({ server, sockets, sessions, graceMs }),
  };
}

function closeServer(state: {
  server: Http2SecureServer;
  sockets: Set<Socket>;
  sessions: Set<ServerHttp2Session>;
  graceMs: number;
}): Promise<void> {
  const { server, sockets, sessions, graceMs } = state;
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
    }, graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    for (const session of sessions) session.close();
  });
}

interface Exchange {
  readonly handler: ApiHandler;
  readonly request: Request;
  readonly response: Response;
  readonly limits: HttpFrontLimits;
  readonly log: Logger;
}

async function exchange(context: Exchange): Promise<void> {
  const { handler, request, response, limits, log } = context;
  const abort = new AbortController();
  response.once('close', () => abort.abort(new Error('the client went away')));
  response.on('error', (error: Error) => log.debug('response failed', { error: error.message }));
  try {
    const answer = await handler.handle(toApiRequest(request, await readBody(request, limits), abort.signal));
    await send(context, answer);
  } catch (error) {
    if (abort.signal.aborted) return;
    const status = error instanceof StatusError ? error.status : undefined;
    if (status === undefined)
      log.error('request handling failed', { path: request.url, error: String(error) });
    const body = JSON.stringify(status ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 500 });
    if (!response.headersSent)
      response.writeHead(status?.code ?? 500, { 'content-type': 'application/json' });
    response.end(body);
  }
}

async function readBody(request: Request, limits: HttpFrontLimits): Promise<Uint8Array> {
  if (request.method === 'GET' || request.method === 'HEAD') return new Uint8Array();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length; // no encoding is set on the request
    if (size > limits.maxBodyBytes) {
      throw newStatusError(413, 'RequestEntityTooLarge', {
        message: `Request entity too large: limit is ${limits.maxBodyBytes}`,
      });
    }
    chunks.push(chunk as Buffer);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function toApiRequest(request: Request, body: Uint8Array, signal: AbortSignal): ApiRequest {
  const url = request.url ?? '/';
  const question = url.indexOf('?');
  const socket = request.socket as TLSSocket;
  return {
    method: request.method ?? 'GET',
    path: question < 0 ? url : url.slice(0, question),
    query: new URLSearchParams(question < 0 ? '' : url.slice(question + 1)),
    headers: withRepeated(request),
    body,
    signal,
    remoteAddress: socket.remoteAddress ?? '',
    clientCertificates: peerCertificates(socket, connectionOf(request)),
  };
}

const certificatesByConnection = new WeakMap<object, readonly Uint8Array[]>();

/** Node joins repeated headers with commas, which names of groups may hold: those of impersonation stay apart. */
function withRepeated(request: Request): ApiRequest['headers'] {
  if (request.headers['impersonate-user'] === undefined) return request.headers;
  const headers: Record<string, string | readonly string[] | undefined> = { ...request.headers };
  const apart = new Map<string, string[]>();
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = (request.rawHeaders[i] ?? '').toLowerCase();
    if (!name.startsWith('impersonate-')) continue;
    const values = apart.get(name) ?? [];
    values.push(request.rawHeaders[i + 1] ?? '');
    apart.set(name, values);
  }
  for (const [name, values] of apart) headers[name] = values.length === 1 ? values[0] : values;
  return headers;
}

/** What lives as long as the TLS connection; over HTTP/2 each request sees a new proxy of the socket. */
function connectionOf(request: Request): object {
  return 'stream' in request ? (request.stream.session ?? request.socket) : request.socket;
}

/** The peer's chain as DER, once per connection: asking OpenSSL for it costs more than a small GET. */
function peerCertificates(socket: TLSSocket, connection: object): readonly Uint8Array[] {
  const known = certificatesByConnection.get(connection);
  if (known !== undefined) return known;
  const chain: Uint8Array[] = [];
  let certificate = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined && chain.length < 8) {
    chain.push(certificate.raw);
    if (certificate.issuerCertificate === certificate) break;
    certificate = certificate.issuerCertificate;
  }
  certificatesByConnection.set(connection, chain);
  return chain;
}

async function send({ request, response, limits, log }: Exchange, answer: ApiResponse): Promise<void> {
  if (writableOf(response).destroyed) return;
  if (typeof answer.body === 'function') {
    response.writeHead(answer.status, answer.headers as Record<string, string | string[]>);
    if (request.httpVersionMajor < 2) (response as unknown as { flushHeaders(): void }).flushHeaders();
    answer.body(createSink(response, { limits, log }));
    return;
  }
  let body = answer.body;
  const headers: Record<string, string | readonly string[]> = { ...answer.headers };
  if (body.length >= limits.gzipFromBytes && acceptsGzip(request)) {
    body = await compress(body);
    headers['content-encoding'] = 'gzip';
    headers['vary'] =
      headers['vary'] === undefined ? 'Accept-Encoding' : `${String(headers['vary'])}, Accept-Encoding`;
  }
  headers['content-length'] = String(body.length);
  response.writeHead(answer.status, headers as Record<string, string | string[]>);
  if (request.method === 'HEAD') response.end();
  else response.end(body);
}

function acceptsGzip(request: Request): boolean {
  return /(^|[,\s])gzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(
    String(request.headers['accept-encoding'] ?? ''),
  );
}

function compress(body: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip(body, { level: 1 }, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

/** The stream that backs a response: its `destroyed` and `writableLength` tell the truth on both protocols. */
function writableOf(response: Response): Writable {
  const stream: unknown = 'stream' in response ? response.stream : undefined;
  return (stream ?? response) as Writable; // an http.ServerResponse is a Writable itself
}

function createSink(response: Response, options: { limits: HttpFrontLimits; log: Logger }): ResponseSink {
  const writable = writableOf(response);
  return {
    write(chunk) {
      if (writable.destroyed || writable.writableEnded) return false;
      const more = writable.write(chunk);
      if (writable.writableLength > options.limits.maxUnsentBytes) {
        options.log.warn('stream given up: its client does not read', {
          unsentBytes: writable.writableLength,
        });
        writable.destroy();
      }
      return more;
    },
    onDrain: (fn) => void writable.on('drain', fn),
    onClose: (fn) => void writable.once('close', fn),
    end: () => void writable.end(),
  };
}
