/**
 * One HTTP exchange as the API server's core sees it, free of sockets: the node front (`src/node`) makes it from
 * HTTP/1.1 and HTTP/2 requests, an in-process Transport from a client's calls, a simulation from its own network.
 */
import type { UserInfo } from '../authentication/user.js';

export interface ApiRequest {
  readonly method: string;
  /** Undecoded path without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names; a repeated header is an array. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The whole body, already bounded by the front. */
  readonly body: Uint8Array;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  readonly remoteAddress: string;
  /** Client certificate chain (DER, leaf first) that TLS was given, verified by nobody yet. */
  readonly clientCertificates: readonly Uint8Array[];
  /** Set by in-process callers only: who calls, authentication being unnecessary. */
  readonly user?: UserInfo;
}

/** Where a streamed body goes. */
export interface ResponseSink {
  /** False when the peer does not keep up; wait for `onDrain`. */
  write(chunk: Uint8Array): boolean;
  onDrain(fn: () => void): void;
  /** The client has gone, or `end` was called. */
  onClose(fn: () => void): void;
  end(): void;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** A stream's function is called once the head has been sent. */
  readonly body: Uint8Array | ((sink: ResponseSink) => void);
}

export interface ApiHandler {
  handle(request: ApiRequest): Promise<ApiResponse>;
}
