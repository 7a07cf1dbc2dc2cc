/**
 * The real Transport: HTTP/2 over TLS with one session for everything (a second one only when the server's stream
 * limit is reached), or kept-alive HTTP/1.1 where the server knows no better. It reconnects by itself, follows a
 * rotated client certificate, and tells failures apart by hop. Of lost requests it repeats those that were surely
 * not acted on, and reads on a connection that had worked; and it comes back when a busy server says when (429 with
 * Retry-After), as client-go does. Nothing else.
 */
import type { Duplex } from 'node:stream';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { type Transport, TransportError, type TransportRequest } from '../client/transport.js';
import { createStopController, untilAborted } from '../env/abort.js';
import { type Clock, sleep } from '../env/env.js';
import {
  type Connection,
  type RequestHeaders,
  UnsentError,
  type WireRequest,
  type WireResponse,
} from './connection.js';
import { dial } from './dial.js';
import { type ExchangeLimits, limitExchange } from './exchange-limits.js';
import { createHttp1Connection } from './http1-connection.js';
import { createHttp2Connection } from './http2-connection.js';
import { bypassesProxy, type ProxyOptions } from './proxy.js';
import { toTransportResponse } from './response.js';
import { type Peer, toTransportError } from './transport-errors.js';

/** PEM texts. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface HttpsTransportOptions {
  /** `https://host[:port][/prefix]`, or http. */
  readonly server: string;
  readonly clock: Clock;
  /** What the server is called in error messages; default `Kubernetes API`. */
  readonly label?: string;
  /** PEM of the trusted CAs, or what gives it at each dial; default: the system's. */
  readonly ca?: string | (() => string);
  /** Asked before each request; another answer than before leads to a new session. */
  readonly clientCertificate?: () => ClientCertificate | undefined | Promise<ClientCertificate | undefined>;
  /** Asked before each request. */
  readonly bearerToken?: () => string | undefined | Promise<string | undefined>;
  /** Further headers, asked for before each request. */
  readonly headers?: () => RequestHeaders | Promise<RequestHeaders>;
  readonly tlsServerName?: string;
  readonly insecureSkipVerify?: boolean;
  readonly proxy?: ProxyOptions;
  /** Default 15,000. */
  readonly connectTimeoutMs?: number;
  /** Default 30,000: silence after which a session is asked for a sign of life, as client-go does. */
  readonly pingAfterMs?: number;
  /** Default 15,000. */
  readonly pingTimeoutMs?: number;
  /** Default 512 MiB: the largest answer that `bytes()` takes. */
  readonly maxResponseBytes?: number;
}

/** How often a request that was surely not acted on is sent again. */
const maxResends = 2;
/** How often a connection is sought for one request; a server that allows no stream at all must not keep us busy. */
const maxAcquires = 8;

/** How often a busy server is waited for, and how long at most; a longer wait is the caller's to decide. */
const maxWaits = 5;
const longestWaitMs = 10_000;

/** Throws TransportError (hop `config`) when the server's URL is none. */
export function createHttpsTransport(options: HttpsTransportOptions): Transport {
  return new HttpsTransport(options);
}

class HttpsTransport implements Transport {
  readonly #options: HttpsTransportOptions;
  readonly #peer: Peer;
  readonly #secure: boolean;
  readonly #authority: string;
  readonly #prefix: string;
  readonly #closed = createStopController();
  #connections: Connection[] = [];
  #dialing: Promise<Connection> | undefined;
  #certificate: ClientCertificate | undefined;
  /** Lets a reconnect resume the last TLS session, which halves its cost for both sides. */
  #tlsSession: Buffer | undefined;
  /** What the server was last verified against: a session that is resumed is not verified again. */
  #verifiedBy: string | undefined;

  constructor(options: HttpsTransportOptions) {
    const url = parseServer(options.server);
    this.#options = options;
    this.#secure = url.protocol === 'https:';
    this.#authority = url.host;
    this.#prefix = url.pathname.replace(/\/+$/, '');
    this.#peer = {
      label: options.label ?? 'Kubernetes API',
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (this.#secure ? 443 : 80) : Number(url.port),
    };
  }

  async request(request: TransportRequest): Promise<Awaited<ReturnType<Transport['request']>>> {
    const { signal, timeoutMs } = request;
    const limits = limitExchange({
      clock: this.#options.clock,
      peer: this.#peer,
      ...(signal && { signal }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
    try {
      const wire = await this.#exchangeWhenWelcome(request, limits);
      return toTransportResponse(wire, {
        peer: this.#peer,
        limits,
        maxBytes: this.#options.maxResponseBytes ?? 512 * 1024 * 1024,
      });
    } catch (error) {
      limits.lift();
      if (limits.signal.aborted) throw limits.signal.reason;
      throw toTransportError(error instanceof UnsentError ? error.cause : error, this.#peer, 'http');
    }
  }

  async close(): Promise<void> {
    const reason = new TransportError('closed', 'the transport was closed');
    this.#closed.abort(reason);
    for (const connection of this.#connections) connection.destroy(reason);
    this.#connections = [];
  }

  async #exchangeWhenWelcome(request: TransportRequest, limits: ExchangeLimits): Promise<WireResponse> {
    // Half of the caller's time may go by with waiting: the refusal tells more than a time-out.
    let leftMs = (request.timeoutMs ?? Number.POSITIVE_INFINITY) / 2;
    for (let waits = 0; ; waits++) {
      const wire = await this.#exchange(request, limits);
      const waitMs = retryAfterMs(wire);
      if (waitMs === undefined || waitMs > longestWaitMs || waitMs > leftMs || waits >= maxWaits) return wire;
      leftMs -= waitMs;
      wire.body.on('error', () => undefined); // nobody reads this one
      wire.body.resume();
      // The clock's timers keep no process alive, and nothing is open meanwhile: a command would end here.
      const hold = setInterval(() => undefined, longestWaitMs);
      try {
        await sleep(this.#options.clock, waitMs, limits.signal);
      } finally {
        clearInterval(hold);
      }
    }
  }

  async #exchange(request: TransportRequest, limits: ExchangeLimits) {
    const asked = this.#toWire(request, limits.signal);
    const wire = asked instanceof Promise ? await asked : asked;
    const reads = request.method === 'GET' || request.method === 'HEAD';
    for (let attempt = 0; ; attempt++) {
      const acquired = this.#acquire();
      let connection = acquired instanceof Promise ? await untilAborted(acquired, limits.signal) : acquired;
      // Others who waited for the same connection may have filled it before it is our turn.
      for (let i = 0; i < maxAcquires && !connection.isUsable(); i++) {
        connection = await untilAborted(Promise.resolve(this.#acquire()), limits.signal);
      }
      const proven = connection.isProven();
      try {
        return await connection.send(wire);
      } catch (error) {
        const again = error instanceof UnsentError || (reads && proven && attempt === 0);
        if (!again || attempt >= maxResends || limits.signal.aborted || this.#closed.signal.aborted)
          throw error;
      }
    }
  }

  /** At once where what it needs is at hand: a promise for each request would cost more than the rest of this. */
  #toWire(request: TransportRequest, signal: AbortSignal): WireRequest | Promise<WireRequest> {
    const token = this.#credential(this.#options.bearerToken);
    const extra = this.#credential(this.#options.headers);
    return token instanceof Promise || extra instanceof Promise
      ? Promise.all([token, extra]).then((known) => this.#wireOf(request, signal, known))
      : this.#wireOf(request, signal, [token, extra]);
  }

  #wireOf(
    request: TransportRequest,
    signal: AbortSignal,
    [token, extra]: readonly [token: string | undefined, extra: RequestHeaders | undefined],
  ): WireRequest {
    const finite = request.timeoutMs !== undefined; // a compressed stream would hold events back
    return {
      method: request.method,
      path: this.#prefix + request.path,
      headers: {
        ...(this.#secure ? {} : { host: this.#authority }),
        ...(request.method === 'GET' && finite && { 'accept-encoding': 'gzip' }),
        ...request.headers,
        ...extra,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(request.body !== undefined && { body: request.body }),
      signal,
    };
  }

  /** @throws TransportError (hop `config`), now or later. */
  #credential<T>(source: (() => T | Promise<T>) | undefined): T | Promise<T> | undefined {
    try {
      const credential = source?.();
      return credential instanceof Promise ? credential.catch(failAsConfig) : credential;
    } catch (cause) {
      return failAsConfig(cause);
    }
  }

  /** At once where there is a connection, which is nearly always. */
  #acquire(): Connection | Promise<Connection> {
    const certificate = this.#credential(this.#options.clientCertificate);
    return certificate instanceof Promise
      ? certificate.then((known) => this.#acquireWith(known))
      : this.#acquireWith(certificate);
  }

  #acquireWith(certificate: ClientCertificate | undefined): Connection | Promise<Connection> {
    if (this.#closed.signal.aborted) throw this.#closed.signal.reason;
    if (certificate?.cert !== this.#certificate?.cert || certificate?.key !== this.#certificate?.key) {
      this.#certificate = certificate;
      this.#tlsSession = undefined;
      for (const connection of this.#connections) connection.drain();
      this.#dialing = undefined;
    }
    this.#connections = this.#connections.filter((connection) => connection.isOpen());
    const usable = this.#connections.find((connection) => connection.isUsable());
    if (usable) return usable;
    if (this.#dialing !== undefined) return this.#dialing;
    const dialing = this.#connect(certificate).finally(() => {
      if (this.#dialing === dialing) this.#dialing = undefined;
    });
    this.#dialing = dialing;
    return dialing;
  }

  async #connect(certificate: ClientCertificate | undefined): Promise<Connection> {
    const socket = await this.#dial(certificate, ['h2', 'http/1.1']);
    const peer = this.#peer;
    const connection =
      this.#secure && (socket as TLSSocket).alpnProtocol === 'h2'
        ? await createHttp2Connection(socket as TLSSocket, {
            peer,
            clock: this.#options.clock,
            pingAfterMs: this.#options.pingAfterMs ?? 30_000,
            pingTimeoutMs: this.#options.pingTimeoutMs ?? 15_000,
            settingsTimeoutMs: this.#options.connectTimeoutMs ?? 15_000,
          })
        : createHttp1Connection(socket, { peer, dial: () => this.#dial(certificate, ['http/1.1']) });
    // The certificate was rotated during the dial.
    if (certificate !== this.#certificate && certificate?.cert !== this.#certificate?.cert)
      connection.drain();
    this.#connections.push(connection);
    return connection;
  }

  async #dial(certificate: ClientCertificate | undefined, protocols: string[]): Promise<Duplex> {
    const { clock, connectTimeoutMs = 15_000, proxy } = this.#options;
    const proxied = proxy !== undefined && !bypassesProxy(this.#peer, proxy.noProxy ?? '');
    try {
      const socket = await dial(this.#peer, {
        clock,
        connectTimeoutMs,
        signal: this.#closed.signal,
        ...(proxied && { proxy }),
        ...(this.#secure && { tls: this.#tlsOptions(certificate, protocols) }),
      });
      if (this.#secure) {
        (socket as TLSSocket).on('session', (session: Buffer) => {
          if (certificate?.cert === this.#certificate?.cert) this.#tlsSession = session;
        });
      }
      return socket;
    } catch (error) {
      this.#tlsSession = undefined;
      throw error;
    }
  }

  #tlsOptions(certificate: ClientCertificate | undefined, protocols: string[]): ConnectionOptions {
    const { tlsServerName, insecureSkipVerify } = this.#options;
    const ca = typeof this.#options.ca === 'function' ? this.#options.ca() : this.#options.ca;
    if (ca !== this.#verifiedBy) this.#tlsSession = undefined;
    this.#verifiedBy = ca;
    return {
      ALPNProtocols: protocols,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: insecureSkipVerify !== true,
      // As in Go, what is trusted may also be the server's own certificate, without its issuer.
      ...(ca !== undefined && { ca, allowPartialTrustChain: true }),
      ...(certificate && { cert: certificate.cert, key: certificate.key }),
      ...(tlsServerName !== undefined && { servername: tlsServerName }),
      ...(this.#tlsSession && { session: this.#tlsSession }),
    };
  }
}

/** What stops a credential from being had is the local side's doing, and is told as such. */
function failAsConfig(cause: unknown): never {
  if (cause instanceof TransportError) throw cause;
  throw new TransportError('config', cause instanceof Error ? cause.message : String(cause), { cause });
}

function parseServer(server: string): URL {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw new TransportError(
    'config',
    `the server must be a URL with https:// or http://: ${JSON.stringify(server)}`,
  );
}

/** Undefined: the answer asks for no wait. Only seconds count; Kubernetes writes nothing else. */
function retryAfterMs({ status, headers }: WireResponse): number | undefined {
  const seconds = headers['retry-after'] ?? '';
  return status === 429 && /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}
