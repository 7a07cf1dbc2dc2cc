/**
 * Takes from a TLS socket what Node keeps for its handshake only. Called by the HTTP front once a handshake is over.
 */
import type { TLSSocket } from 'node:tls';

/**
 * Node gives each socket a copy of the server's list of protocols, a few bytes that keep a whole 8 KiB of its buffer pool
 * alive for as long as the connection lives. It has been handed to OpenSSL by then. A Node that keeps it elsewhere, or
 * not at all, is left alone.
 */
export function dropHandshakeOptions(socket: TLSSocket): void {
  const { _tlsOptions: options } = socket as TLSSocket & { _tlsOptions?: { ALPNProtocols?: unknown } }; // Node's own
  if (options?.ALPNProtocols !== undefined) options.ALPNProtocols = undefined;
}
