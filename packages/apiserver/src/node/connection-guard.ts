/**
 * Looks after open connections, so that none is held for nothing: HTTP/1.1 heads that do not come to an end, idle
 * connections of both versions, and HTTP/2 sessions that send control frames instead of requests (pings, settings,
 * streams given up at once). Node looks after none of these on a server of both versions. Called by the HTTP front.
 */
import {
  constants,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Logger } from '@flotilla/kube';
import type { HttpFrontLimits } from './http-limits.js';

export type ConnectionLimits = Pick<HttpFrontLimits, 'headTimeoutMs' | 'idleTimeoutMs' | 'maxControlFrames'>;

export interface ConnectionGuard {
  /** A request of an HTTP/1.1 connection begins; call the answer when its exchange is over. */
  begin(socket: Socket): () => void;
  /** The connection speaks another protocol from now on, and is somebody else's to look after. */
  release(socket: Socket): void;
  close(): void;
}

interface Http1State {
  openRequests: number;
  /** When the connection last began to wait for a head. */
  waitsSinceMs: number;
  /** Bytes read by then: more mean that a head has begun. */
  readBefore: number;
  /** When more was first seen. */
  headSinceMs: number | undefined;
}

interface Http2State {
  openStreams: number;
  idleSinceMs: number;
  frames: number;
  framesSinceMs: number;
}

const frameWindowMs = 10_000;

export function guardConnections(
  server: Http2SecureServer,
  { limits, log }: { readonly limits: ConnectionLimits; readonly log: Logger },
): ConnectionGuard {
  const http1 = new Map<Socket, Http1State>();
  const http2 = new Map<ServerHttp2Session, Http2State>();

  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') return;
    const waitsSinceMs = performance.now();
    // The first head is due at once: who connects wants something.
    http1.set(socket, { openRequests: 0, waitsSinceMs, readBefore: 0, headSinceMs: waitsSinceMs });
    socket.once('close', () => http1.delete(socket));
  });
  server.on('session', (session: ServerHttp2Session) => {
    const nowMs = performance.now();
    const state: Http2State = { openStreams: 0, idleSinceMs: nowMs, frames: 0, framesSinceMs: nowMs };
    http2.set(session, state);
    session.once('close', () => http2.delete(session));
    const count = (): void => countFrame(session, state);
    session.on('ping', count);
    session.on('remoteSettings', count);
    session.on('stream', (stream: ServerHttp2Stream) => {
      state.openStreams++;
      stream.once('close', () => {
        state.openStreams--;
        state.idleSinceMs = performance.now();
        if (stream.rstCode !== constants.NGHTTP2_NO_ERROR && !stream.headersSent) count();
      });
    });
  });

  function countFrame(session: ServerHttp2Session, state: Http2State): void {
    const nowMs = performance.now();
    if (nowMs - state.framesSinceMs > frameWindowMs) {
      state.frames = 0;
      state.framesSinceMs = nowMs;
    }
    if (++state.frames <= limits.maxControlFrames || session.destroyed) return;
    log.warn('http2 session ended: too many control frames', {
      address: session.socket?.remoteAddress ?? '',
    });
    session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  const sweep = setInterval(
    () => {
      const nowMs = performance.now();
      for (const [socket, state] of http1) if (isOverdue(socket, state, { limits, nowMs })) socket.destroy();
      for (const [session, state] of http2) {
        // Gracefully: a request that crosses the end is sent again by its client.
        if (state.openStreams === 0 && nowMs - state.idleSinceMs > limits.idleTimeoutMs) session.close();
      }
    },
    Math.max(100, Math.min(limits.headTimeoutMs, limits.idleTimeoutMs) / 4),
  );
  sweep.unref();

  return {
    begin(socket) {
      const state = http1.get(socket);
      if (state === undefined) return () => undefined;
      state.openRequests++;
      state.headSinceMs = undefined;
      return () => {
        state.openRequests--;
        state.waitsSinceMs = performance.now();
        state.readBefore = socket.bytesRead;
      };
    },
    release: (socket) => void http1.delete(socket),
    close: () => clearInterval(sweep),
  };
}

function isOverdue(
  socket: Socket,
  state: Http1State,
  { limits, nowMs }: { readonly limits: ConnectionLimits; readonly nowMs: number },
): boolean {
  if (state.openRequests > 0) return false;
  if (socket.bytesRead > state.readBefore) state.headSinceMs ??= nowMs;
  if (state.headSinceMs !== undefined) return nowMs - state.headSinceMs > limits.headTimeoutMs;
  return nowMs - state.waitsSinceMs > limits.idleTimeoutMs;
}
