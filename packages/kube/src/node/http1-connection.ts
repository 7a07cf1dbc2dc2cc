/**
 * HTTP/1.1 with kept-alive sockets, for servers that do not speak HTTP/2 and for plain http. It is one `Connection`
 * of many sockets; it counts as closed when the last of them is gone, so that the next request asks again for HTTP/2.
 */
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { TransportError } from '../client/transport.js';
import {
  type Connection,
  flattenHeaders,
  UnsentError,
  type WireRequest,
  type WireResponse,
} from './connection.js';
import { formatPeer, type Peer } from './transport-errors.js';

export interface Http1Options {
  readonly peer: Peer;
  readonly dial: () => Promise<Duplex>;
}

/** Enough for the watches and calls of one component; more calls wait for a socket. */
const maxSockets = 256;

export function createHttp1Connection(first: Duplex, options: Http1Options): Connection {
  return new Http1Connection(first, options);
}

class Http1Connection implements Connection {
  readonly #agent: DialingAgent;
  readonly #peer: Peer;
  #draining = false;
  #proven = false;
  #exchanges = 0;

  constructor(first: Duplex, { peer, dial }: Http1Options) {
    this.#peer = peer;
    this.#agent = new DialingAgent(first, dial);
  }

  isOpen(): boolean {
    return this.#exchanges > 0 || this.#agent.socketCount > 0;
  }

  isUsable(): boolean {
    return !this.#draining && this.isOpen();
  }

  isProven(): boolean {
    return this.#proven;
  }

  drain(): void {
    this.#draining = true;
    this.#agent.drain();
  }

  destroy(): void {
    this.#draining = true;
    this.#agent.destroyAll();
  }

  send(request: WireRequest): Promise<WireResponse> {
    this.#exchanges++;
    return new Promise((resolve, reject) => {
      const { body } = request;
      const size = typeof body === 'string' ? Buffer.byteLength(body) : body?.byteLength;
      const message = httpRequest({
        agent: this.#agent,
        host: this.#peer.host,
        port: this.#peer.port,
        method: request.method,
        path: request.path,
        headers: { ...mutable(request), ...(size !== undefined && { 'content-length': size }) },
        signal: request.signal,
      });
      message.once('close', () => this.#exchanges--);
      message.on('response', (answer) => {
        this.#proven = true;
        resolve(toWireResponse(answer));
      });
      message.on('error', (error) => reject(this.#whyLost(message, error)));
      message.end(body);
    });
  }

  #whyLost(message: ClientRequest, error: Error): Error {
    if (error instanceof TransportError) return error;
    if (message.socket === null) return new UnsentError(error);
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') return error;
    const text = `lost ${formatPeer(this.#peer)}: the connection was closed without an answer`;
    return new TransportError('closed', text, { cause: error });
  }
}

function mutable(request: WireRequest): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    headers[name] = typeof value === 'string' ? value : [...value];
  }
  return headers;
}

function toWireResponse(answer: IncomingMessage): WireResponse {
  return {
    status: answer.statusCode ?? 0,
    headers: flattenHeaders(answer.headers),
    body: answer,
    isComplete: () => answer.complete,
  };
}

/** Node's keep-alive agent over our dialler, so that proxies, TLS and error sentences are the same everywhere. */
class DialingAgent extends Agent {
  readonly #dial: () => Promise<Duplex>;
  readonly #open = new Set<Duplex>();
  #first: Duplex | undefined;

  constructor(first: Duplex, dial: () => Promise<Duplex>) {
    super({ keepAlive: true, maxSockets });
    this.#dial = dial;
    this.#first = first;
    this.#track(first);
  }

  get socketCount(): number {
    return this.#open.size;
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | undefined {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined && !first.destroyed) return first;
    this.#dial().then(
      (socket) => {
        this.#track(socket);
        callback?.(null, socket);
      },
      (error: Error) => callback?.(error, undefined as unknown as Duplex), // Node's own calls pass nothing here either
    );
    return undefined;
  }

  /** Closes what is idle now, and the rest as it becomes idle. */
  drain(): void {
    this.maxFreeSockets = 0;
    this.#first?.destroy();
    for (const sockets of Object.values(this.freeSockets))
      for (const socket of sockets ?? []) socket.destroy();
  }

  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
    this.destroy();
  }

  #track(socket: Duplex): void {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    socket.on('error', () => undefined); // the exchange on it reports; an idle socket's end is no failure
  }
}
