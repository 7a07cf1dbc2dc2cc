/**
 * One HTTP/2 session that carries every exchange with a server. A PING that stays unanswered ends it, so that a
 * silent network is noticed in less than a minute. With no exchange open it keeps no process alive.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { TransportError } from '../client/transport.js';
import { onAbort } from '../env/abort.js';
import type { Clock, Timer } from '../env/env.js';
import {
  type Connection,
  flattenHeaders,
  UnsentError,
  type WireRequest,
  type WireResponse,
} from './connection.js';
import { formatPeer, type Peer } from './transport-errors.js';

export interface Http2Options {
  readonly peer: Peer;
  readonly clock: Clock;
  readonly pingAfterMs: number;
  readonly pingTimeoutMs: number;
  readonly settingsTimeoutMs: number;
}

/** Room for what the server may send before we have read it: all streams together, and each. */
const sessionWindowBytes = 16 * 1024 * 1024;
const streamWindowBytes = 1024 * 1024;
/** Second, short part of the wait for a PING's answer, which may lie unread in the socket after a busy spell. */
const pingGraceMs = 500;

/**
 * Resolves when the server's SETTINGS are there: by then it has accepted our certificate, and its limit of streams is
 * known. Rejects with the error that ended the session before.
 */
export async function createHttp2Connection(socket: TLSSocket, options: Http2Options): Promise<Connection> {
  const connection = new Http2Connection(socket, options);
  await connection.ready();
  return connection;
}

class Http2Connection implements Connection {
  readonly #session: ClientHttp2Session;
  readonly #options: Http2Options;
  readonly #socket: TLSSocket;
  #onEnd = (): void => undefined;
  #timer: Timer | undefined;
  #failure: Error | undefined;
  #draining = false;
  #proven = false;
  #streams = 0;

  constructor(socket: TLSSocket, options: Http2Options) {
    this.#options = options;
    this.#socket = socket;
    this.#session = connect(`https://${options.peer.host.includes(':') ? 'ipv6' : options.peer.host}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
      maxSessionMemory: 128,
    });
    this.#session.once('connect', () => this.#session.setLocalWindowSize(sessionWindowBytes));
    this.#session.once('goaway', () => {
      this.#draining = true;
    });
    this.#session.on('error', (error) => {
      this.#failure ??= error;
    });
    // Node leaves a session waiting whose TLS was refused after the handshake, as TLS 1.3 does it.
    socket.on('error', (error) => this.destroy(error));
    this.#session.once('close', () => {
      this.#timer?.cancel();
      this.#onEnd();
    });
    this.#schedulePing();
  }

  ready(): Promise<void> {
    const { clock, peer, settingsTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(settingsTimeoutMs, () => {
        const message = `cannot reach ${formatPeer(peer)}: no HTTP/2 SETTINGS within ${settingsTimeoutMs / 1000} s`;
        this.destroy(new TransportError('timeout', message));
      });
      this.#session.once('remoteSettings', () => {
        timer.cancel();
        if (this.#streams === 0) this.#session.unref(); // not before: someone waits for this session
        resolve();
      });
      this.#onEnd = (): void => {
        timer.cancel();
        const message = `cannot reach ${formatPeer(peer)}: the server closed the TLS connection, perhaps for the client certificate`;
        reject(this.#failure ?? new TransportError('tls', message)); // of no effect once resolved
      };
    });
  }

  isOpen(): boolean {
    return !this.#session.destroyed;
  }

  isUsable(): boolean {
    if (this.#draining || this.#session.closed || this.#session.destroyed) return false;
    return this.#streams < (this.#session.remoteSettings?.maxConcurrentStreams ?? Number.POSITIVE_INFINITY);
  }

  isProven(): boolean {
    return this.#proven;
  }

  drain(): void {
    this.#draining = true;
    this.#session.close();
  }

  destroy(error: Error): void {
    this.#failure ??= error;
    this.#session.destroy(error);
    this.#socket.destroy();
    this.#timer?.cancel();
    this.#onEnd(); // a session that never began does not tell of its end
  }

  send(request: WireRequest): Promise<WireResponse> {
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request(
        { ':method': request.method, ':path': request.path, ...request.headers },
        { endStream: request.body === undefined },
      );
    } catch (error) {
      throw new UnsentError(error);
    }
    this.#opened(stream);
    if (request.body !== undefined) stream.end(request.body);
    return new Promise((resolve, reject) => {
      let answered = false;
      stream.once('response', (headers) => {
        answered = true;
        this.#proven = true;
        resolve({
          status: Number(headers[':status']),
          headers: flattenHeaders(headers),
          body: stream,
          isComplete: () => !stream.aborted && stream.rstCode === constants.NGHTTP2_NO_ERROR,
        });
      });
      // Stays for the whole exchange: after the answer the body's reader sees the error too.
      stream.on('error', (error) => {
        if (!answered) reject(this.#whyLost(stream, error));
      });
      stream.once('close', () => {
        unlisten();
        if (!answered) reject(this.#whyLost(stream, undefined));
      });
      const unlisten = onAbort(request.signal, () => {
        stream.close(constants.NGHTTP2_CANCEL);
        stream.destroy(toError(request.signal.reason));
        reject(request.signal.reason);
      });
    });
  }

  #opened(stream: ClientHttp2Stream): void {
    if (this.#streams++ === 0) this.#session.ref();
    stream.once('close', () => {
      if (--this.#streams === 0 && !this.#session.destroyed) this.#session.unref();
    });
  }

  #whyLost(stream: ClientHttp2Stream, error: Error | undefined): Error {
    const cause =
      this.#failure ?? error ?? new TransportError('closed', this.#lost('the connection was closed'));
    const unsent = stream.id === undefined || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
    return unsent ? new UnsentError(cause) : cause;
  }

  #lost(why: string): string {
    return `lost ${formatPeer(this.#options.peer)}: ${why}`;
  }

  #schedulePing(): void {
    this.#timer = this.#options.clock.setTimer(this.#options.pingAfterMs, () => this.#ping());
  }

  #ping(): void {
    // Its socket is gone and its end not told yet: Node throws at who asks it for anything.
    if (this.#session.destroyed) return;
    const { clock, pingTimeoutMs } = this.#options;
    const seconds = pingTimeoutMs / 1000;
    const give = (): void =>
      this.destroy(
        new TransportError('closed', this.#lost(`no answer to an HTTP/2 PING within ${seconds} s`)),
      );
    this.#timer = clock.setTimer(pingTimeoutMs, () => {
      this.#timer = clock.setTimer(pingGraceMs, give);
    });
    this.#session.ping((error) => {
      this.#timer?.cancel();
      if (error === null) this.#schedulePing();
      else this.#failure ??= error;
    });
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
