/**
 * The API server's HTTP edge: one TLS port for HTTP/2 and HTTP/1.1, which turns exchanges into `ApiRequest` and
 * writes `ApiResponse` back. It bounds bodies, keeps no state beside open sockets, and knows nothing of Kubernetes
 * but the Status that it answers when a body is too large.
 */
import { constants } from 'node:crypto';
import { type IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { gzip } from 'node:zlib';
import { StatusError } from '@flotilla/api';
import type { Certificate, Logger } from '@flotilla/kube';
import type { FrontProxySettings } from '../authentication/front-proxy.js';
import type { ApiHandler, ApiRequest, ApiResponse, ResponseSink } from '../server/handler.js';
import { ClientPresence } from './client-presence.js';
import { guardConnections } from './connection-guard.js';
import { disconnectPeers } from './disconnect-peers.js';
import { checkHeaders, http2HeaderSettings, limitHttp1Heads } from './header-limits.js';
import { type Exchange, http1Exchange, http2Exchange } from './http-exchange.js';
import { defaultHttpFrontLimits, type HttpFrontLimits } from './http-limits.js';
import { dropHandshakeOptions } from './lean-sockets.js';
import { createReadBody, type ReadBody } from './read-body.js';
import { createKeepApart, type KeepApart } from './repeated-headers.js';
import { answerPlainly, handOver, upgradeProtocol } from './upgrade.js';
import type { UpgradingConnection } from './upgrading-connection.js';

export interface HttpFrontOptions {
  readonly host: string;
  /** 0 chooses a free port. */
  readonly port: number;
  /** PEM: leaf first; the CA last, so that a joining klusterlet can check it against its pin. */
  readonly certificate: string;
  readonly privateKey: string;
  /** PEM bundle named to clients as acceptable client-certificate issuers. */
  readonly clientCa: string;
  /** Default TLSv1.2; older versions are refused in any case. */
  readonly minTlsVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Whose headers are kept apart when they are repeated. */
  readonly frontProxy?: FrontProxySettings;
  readonly log: Logger;
  readonly limits?: Partial<HttpFrontLimits>;
}

export interface HttpFront {
  readonly port: number;
  /** Serves new connections with another certificate, or names other issuers to them. */
  setSecureContext(context: Pick<HttpFrontOptions, 'certificate' | 'privateKey' | 'clientCa'>): void;
  /** Cuts the connections whose client shows a certificate that is meant, with all that runs on them. */
  disconnect(isMeant: (certificate: Certificate) => boolean): void;
  /** Stops listening, lets running requests end for `graceMs`, then cuts what is left. */
  close(options: { graceMs: number }): Promise<void>;
}

/**
 * No ticket to resume a session by: clients of Kubernetes use none, and it cost a handshake a tenth of its CPU and each
 * open connection 11 KiB.
 */
const secureOptions = constants.SSL_OP_NO_TICKET;

/** @throws the listen error (EADDRINUSE, EACCES ...) as Node gives it. */
export async function serveHttps(handler: ApiHandler, options: HttpFrontOptions): Promise<HttpFront> {
  const limits = { ...defaultHttpFrontLimits, ...options.limits };
  const { minTlsVersion: minVersion = 'TLSv1.2' } = options;
  const { log } = options;
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const tlsSockets = new Set<TLSSocket>();
  const heads = http2HeaderSettings(limits);
  const server: Http2SecureServer = createSecureServer({
    allowHTTP1: true,
    cert: options.certificate,
    key: options.privateKey,
    ca: options.clientCa,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion,
    secureOptions,
    handshakeTimeout: limits.handshakeTimeoutMs,
    settings: {
      maxConcurrentStreams: limits.maxConcurrentStreams,
      initialWindowSize: 1024 * 1024,
      maxHeaderListSize: heads.maxHeaderListSize,
    },
    maxHeaderListPairs: heads.maxHeaderListPairs,
    maxSessionMemory: 64,
  });
  server.maxConnections = limits.maxConnections;
  limitHttp1Heads(server, limits);
  const guard = guardConnections(server, { limits, log });
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    dropHandshakeOptions(socket);
    tlsSockets.add(socket);
    socket.once('close', () => tlsSockets.delete(socket));
  });
  server.on('tlsClientError', (error: Error) => {
    log.debug('tls handshake failed', { error: error.message });
  });
  server.on('sessionError', (error: Error) => log.debug('http2 session failed', { error: error.message }));
  const keepApart = createKeepApart(options.frontProxy);
  const readBody = createReadBody(limits);
  const answer = (exchange: Exchange): void => {
    void serve(exchange, { handler, limits, log, keepApart, readBody });
  };
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    response.once('close', guard.begin(request.socket));
    answer(http1Exchange(request, response));
  });
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    guard.release(socket);
    void serveUpgrade({ request, socket, head }, { handler, limits, log, keepApart, readBody });
  });
  // For `request` Node wraps each HTTP/2 stream in two more streams, at a third of the front's cost: not for ours.
  server.removeAllListeners('stream');
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...rest: unknown[]) =>
    answer(http2Exchange(stream, headers, rest[1] as readonly string[])),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error: Error) => log.error('https server failed', { error: error.message }));
  return {
    port: (server.address() as AddressInfo).port, // a TCP server's address is never a string
    setSecureContext: ({ certificate, privateKey, clientCa }) =>
      server.setSecureContext({
        cert: certificate,
        key: privateKey,
        ca: clientCa,
        minVersion,
        secureOptions,
      }),
    disconnect: (isMeant) => disconnectPeers(tlsSockets, isMeant),
    close: ({ graceMs }) => {
      guard.close();
      return closeServer({ server, sockets, sessions, graceMs });
    },
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

interface ServeOptions {
  readonly handler: ApiHandler;
  readonly keepApart: KeepApart;
  readonly readBody: ReadBody;
  readonly limits: HttpFrontLimits;
  readonly log: Logger;
}

async function serve(exchange: Exchange, options: ServeOptions): Promise<void> {
  const { handler, limits, log, keepApart, readBody } = options;
  const { writable } = exchange;
  const client = new ClientPresence();
  writable.once('close', () => client.leave());
  writable.on('error', (error: Error) => log.debug('response failed', { error: error.message }));
  try {
    checkHeaders(exchange, limits);
    const body = await readBody(exchange);
    const answer = await handler.handle(toApiRequest(exchange, body, { client, keepApart }));
    await send(exchange, answer, { limits, log, client });
  } catch (error) {
    if (client.hasLeft || writable.destroyed) return;
    const status = error instanceof StatusError ? error.status : undefined;
    if (status === undefined)
      log.error('request handling failed', { path: exchange.url, error: String(error) });
    const body = JSON.stringify(status ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 500 });
    const retryAfter = status?.details?.retryAfterSeconds;
    if (!exchange.headSent()) {
      exchange.sendHead(status?.code ?? 500, {
        'content-type': 'application/json',
        ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
      });
    }
    writable.end(body);
  }
}

/** A request that asks to leave HTTP/1.1: answered like any other, unless the handler lets it. */
async function serveUpgrade(connection: UpgradingConnection, options: ServeOptions): Promise<void> {
  const { log, limits } = options;
  const { request, socket } = connection;
  socket.on('error', (error: Error) => log.debug('upgrading connection failed', { error: error.message }));
  const client = new ClientPresence();
  const leave = (): void => client.leave();
  socket.once('close', leave);
  const response = new ServerResponse(request);
  const exchange = http1Exchange(request, response);
  try {
    const answer = await answerUpgrade(exchange, { ...options, client, upgrade: upgradeProtocol(request) });
    if (socket.destroyed) return;
    if (answer.upgrade !== undefined) {
      socket.off('close', leave);
      await handOver(connection, { ...answer, upgrade: answer.upgrade }, log);
      return;
    }
    answerPlainly(connection, response);
    await send(exchange, answer, { limits, log, client });
  } catch (error) {
    log.error('upgrade failed', { path: request.url, error: String(error) });
    socket.destroy();
  }
}

async function answerUpgrade(
  exchange: Exchange,
  options: ServeOptions & { readonly client: ClientPresence; readonly upgrade: string | undefined },
): Promise<ApiResponse> {
  const { handler, limits, upgrade } = options;
  try {
    checkHeaders(exchange, limits);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    const headers = { 'content-type': 'application/json' };
    return { status: error.status.code, headers, body: Buffer.from(JSON.stringify(error.status)) };
  }
  const asked = toApiRequest(exchange, new Uint8Array(), options);
  return handler.handle({ ...asked, ...(upgrade !== undefined && { upgrade }) });
}

function toApiRequest(
  exchange: Exchange,
  body: Uint8Array,
  { client, keepApart }: { readonly client: ClientPresence; readonly keepApart: KeepApart },
): ApiRequest {
  const { method, url, peer } = exchange;
  const question = url.indexOf('?');
  return {
    method,
    path: question < 0 ? url : url.slice(0, question),
    query: new URLSearchParams(question < 0 ? '' : url.slice(question + 1)),
    headers: keepApart(exchange),
    body,
    get signal() {
      return client.signal;
    },
    remoteAddress: peer.address,
    clientCertificates: peer.certificates,
  };
}

async function send(
  exchange: Exchange,
  answer: ApiResponse,
  { limits, log, client }: Pick<ServeOptions, 'limits' | 'log'> & { readonly client: ClientPresence },
): Promise<void> {
  const { writable } = exchange;
  if (writable.destroyed) return;
  if (typeof answer.body === 'function') {
    exchange.sendHead(answer.status, answer.headers as OutgoingHttpHeaders, { atOnce: true });
    answer.body(createSink(writable, { limits, log }));
    return;
  }
  let body = answer.body;
  const headers: Record<string, string | readonly string[]> = { ...answer.headers };
  if (body.length >= limits.gzipFromBytes && acceptsGzip(exchange)) {
    body = await compress(body);
    headers['content-encoding'] = 'gzip';
    headers['vary'] =
      headers['vary'] === undefined ? 'Accept-Encoding' : `${String(headers['vary'])}, Accept-Encoding`;
    if (writable.destroyed) return;
  }
  headers['content-length'] = String(body.length);
  client.isAnswered = true;
  exchange.sendHead(answer.status, headers as OutgoingHttpHeaders);
  if (exchange.method === 'HEAD') writable.end();
  else writable.end(body);
}

function acceptsGzip({ headers }: Exchange): boolean {
  return /(^|[,\s])gzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(String(headers['accept-encoding'] ?? ''));
}

function compress(body: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip(body, { level: 1 }, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

function createSink(writable: Writable, options: { limits: HttpFrontLimits; log: Logger }): ResponseSink {
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
