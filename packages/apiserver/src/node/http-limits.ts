/** What the HTTP front takes from clients before it turns them away, each bound with its reason. */

export interface HttpFrontLimits {
  /** 3 MiB, as the kube-apiserver. */
  readonly maxBodyBytes: number;
  /** Bodies that are being received, of all requests together: many slow writers must not fill the memory. */
  readonly maxBufferedBodyBytes: number;
  /** From the head to the last byte of the body. */
  readonly bodyTimeoutMs: number;
  /** All headers of a request. Tokens and many groups to impersonate must fit. */
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  /** From a connection's first byte, or the answer before, to a whole head. */
  readonly headTimeoutMs: number;
  /** TLS handshakes cost the most of all that an unknown client can ask for. */
  readonly handshakeTimeoutMs: number;
  /** HTTP/1.1 connections without a request, and HTTP/2 ones without a stream. */
  readonly idleTimeoutMs: number;
  /** Open connections; a fleet of 10,000 clusters has two or three each. */
  readonly maxConnections: number;
  /** Streams on one HTTP/2 connection: a Go process multiplexes all its informers on one. */
  readonly maxConcurrentStreams: number;
  /** Pings, settings and given-up streams of one HTTP/2 connection within ten seconds. */
  readonly maxControlFrames: number;
  /** Answers above this are compressed when the client accepts gzip. */
  readonly gzipFromBytes: number;
  /** A stream whose client reads nothing is given up beyond this many unsent bytes. */
  readonly maxUnsentBytes: number;
}

export const defaultHttpFrontLimits: HttpFrontLimits = Object.freeze({
  maxBodyBytes: 3 * 1024 * 1024,
  maxBufferedBodyBytes: 256 * 1024 * 1024,
  bodyTimeoutMs: 60_000,
  maxHeaderBytes: 128 * 1024,
  maxHeaders: 1000,
  headTimeoutMs: 30_000,
  handshakeTimeoutMs: 15_000,
  idleTimeoutMs: 5 * 60_000,
  maxConnections: 50_000,
  maxConcurrentStreams: 1000,
  maxControlFrames: 2000,
  gzipFromBytes: 128 * 1024,
  maxUnsentBytes: 8 * 1024 * 1024,
});
