/**
 * One HTTP exchange with one Kubernetes API server: the client side's only way to the network.
 * Real: `src/node/https-transport.ts` (HTTP/2 over TLS, one connection for everything). In process: the API
 * server's `handle`. Simulated: `src/testing/network.ts`, which delays, drops and cuts.
 */
export interface TransportRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with query, beginning with `/`. */
  readonly path: string;
  /** Lower-case names; an array repeats the header. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Uint8Array | string;
  readonly signal?: AbortSignal;
  /** Whole-exchange limit; absent for watches and other streams. */
  readonly timeoutMs?: number;
}

export interface TransportResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body. Call either this or `chunks`, once. */
  bytes(): Promise<Uint8Array>;
  /** The body as it arrives; returning early closes the exchange. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** Rejects with TransportError when no HTTP response was had. */
export interface Transport {
  request(request: TransportRequest): Promise<TransportResponse>;
  close(): Promise<void>;
}

/** Which hop failed, so that a user is told where to look. */
export type TransportHop = 'config' | 'dns' | 'tcp' | 'tls' | 'ca' | 'timeout' | 'closed';

export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly hop: TransportHop;

  constructor(hop: TransportHop, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.hop = hop;
  }
}
