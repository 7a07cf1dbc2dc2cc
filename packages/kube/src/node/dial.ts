/**
 * Opens one connection: TCP, a proxy's CONNECT when asked for, then TLS. Each step fails with a TransportError that
 * names it. Called by the HTTPS transport and the TLS probe.
 */
import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { TransportError } from '../client/transport.js';
import { onAbort } from '../env/abort.js';
import type { Clock } from '../env/env.js';
import { connectThroughProxy } from './proxy.js';
import { formatPeer, type Peer, toTransportError } from './transport-errors.js';

export interface DialOptions {
  readonly clock: Clock;
  /** TCP, proxy and TLS together. */
  readonly connectTimeoutMs: number;
  /** Absent: a plain connection. */
  readonly tls?: ConnectionOptions;
  /** URL of an HTTP proxy. */
  readonly proxyUrl?: string;
  readonly signal?: AbortSignal;
}

/** Rejects with TransportError, or with the signal's reason. */
export async function dial(peer: Peer, options: DialOptions): Promise<Socket | TLSSocket> {
  const abort = new AbortController();
  if (options.signal?.aborted) throw options.signal.reason;
  const unlisten = onAbort(options.signal, () => abort.abort(options.signal?.reason));
  const timer = options.clock.setTimer(options.connectTimeoutMs, () => {
    const seconds = options.connectTimeoutMs / 1000;
    const message = `cannot reach ${formatPeer(peer)}: no connection within ${seconds} s (TCP or TLS)`;
    abort.abort(new TransportError('timeout', message));
  });
  try {
    const { proxyUrl } = options;
    const socket =
      proxyUrl === undefined
        ? await dialTcp(peer, abort.signal)
        : await connectThroughProxy(peer, { proxyUrl, signal: abort.signal, dialTcp, startTls });
    return options.tls === undefined
      ? socket
      : await startTls(socket, { peer, tls: options.tls, signal: abort.signal });
  } finally {
    timer.cancel();
    unlisten();
  }
}

/** Connects; on failure or abort nothing stays open. */
export async function dialTcp(peer: Peer, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host: peer.host, port: peer.port, noDelay: true, keepAlive: true });
  await settled(socket, { event: 'connect', peer, phase: 'dial', signal });
  return socket;
}

export interface StartTlsOptions {
  readonly peer: Peer;
  readonly tls: ConnectionOptions;
  readonly signal: AbortSignal;
}

/** A TLS handshake on an open connection. */
export async function startTls(socket: Socket, { peer, tls, signal }: StartTlsOptions): Promise<TLSSocket> {
  let secure: TLSSocket;
  try {
    // An IP address must not be sent as the server name (RFC 6066); the certificate is checked against `host`.
    const servername = tls.servername ?? (isIP(peer.host) === 0 ? peer.host : '');
    secure = connectTls({ ...tls, socket, host: peer.host, servername });
  } catch (error) {
    socket.destroy();
    throw toTransportError(error, peer, 'tls');
  }
  await settled(secure, { event: 'secureConnect', peer, phase: 'tls', signal });
  return secure;
}

interface SettleOptions {
  readonly event: 'connect' | 'secureConnect';
  readonly peer: Peer;
  readonly phase: 'dial' | 'tls';
  readonly signal: AbortSignal;
}

function settled(socket: Socket, { event, peer, phase, signal }: SettleOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    let unlisten = (): void => undefined;
    const done = (): void => {
      socket.off(event, onReady);
      socket.off('error', fail);
      socket.off('close', onClose);
      unlisten();
    };
    const onReady = (): void => {
      done();
      resolve();
    };
    const stop = (reason: unknown): void => {
      done();
      socket.on('error', () => undefined); // a second failure of a socket that was given up has no one to tell
      socket.destroy();
      reject(reason);
    };
    const fail = (error: unknown): void => stop(toTransportError(error, peer, phase));
    const onClose = (): void => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    socket.once(event, onReady);
    socket.once('error', fail);
    socket.once('close', onClose);
    unlisten = onAbort(signal, () => stop(signal.reason));
  });
}
