/**
 * The two steps of every connection, TCP and TLS: each ends open, or fails with a TransportError that names it and leaves
 * nothing open. Called by the dialler, which may put a proxy in between.
 */
import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { onAbort } from '../env/abort.js';
import { type Peer, toTransportError } from './transport-errors.js';

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
