/**
 * One HTTP exchange as the API server's core sees it, free of sockets: the node front (`src/node`) makes it from
 * HTTP/1.1 and HTTP/2 requests, an in-process Transport from a client's calls, a simulation from its own network.
 */
import type { Channel } from '@flotilla/kube';
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
  /** The protocol that the client asks to change to (`websocket`, `spdy/3.1`), where the caller can hand a channel over. */
  readonly upgrade?: string;
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
  /** The exchange leaves HTTP, with status 101 and no body; only in answer to a request with `upgrade`. */
  readonly upgrade?: ConnectionUpgrade;
}

export interface ConnectionUpgrade {
  /** For `websocket`: the subprotocol, one that the client offered, or none. Text messages hold what is binary else. */
  readonly webSocket?: { readonly protocol: string | undefined; readonly isText: boolean };
  /** Called once the head has been sent. Nobody else reads or ends the channel. */
  run(channel: Channel): void;
}

export interface ApiHandler {
  handle(request: ApiRequest): Promise<ApiResponse>;
}
