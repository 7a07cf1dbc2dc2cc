/**
 * What the HTTPS transport needs of one connection, whichever HTTP version it speaks.
 * Implementations: `http2-connection.ts` and `http1-connection.ts`.
 */
import type { Readable } from 'node:stream';
import type { TransportRequest } from '../client/transport.js';

export type RequestHeaders = Readonly<Record<string, string | readonly string[]>>;

/** A request with the headers that go on the wire. */
export interface WireRequest {
  readonly method: TransportRequest['method'];
  readonly path: string;
  readonly headers: RequestHeaders;
  readonly body?: Uint8Array | string;
  readonly signal: AbortSignal;
}

export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
  /** After the body's end: whether it is whole. */
  isComplete(): boolean;
}

export interface Connection {
  /** False when new requests need another connection. */
  isUsable(): boolean;
  /** False once nothing is open any more. */
  isOpen(): boolean;
  /** True when an exchange has succeeded on it before. */
  isProven(): boolean;
  send(request: WireRequest): Promise<WireResponse>;
  /** Takes no more requests and closes after the last open one. */
  drain(): void;
  destroy(error: Error): void;
}

/** The request was certainly not acted on: safe to send again, whatever its method. */
export class UnsentError extends Error {
  override readonly name = 'UnsentError';

  constructor(cause: unknown) {
    super('the request was not sent', { cause });
  }
}

/** Node's header values as the Transport contract wants them; HTTP/2 pseudo headers are left out. */
export function flattenHeaders(headers: object): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    flat[name] = Array.isArray(value) ? value.join(', ') : String(value);
  }
  return flat;
}
