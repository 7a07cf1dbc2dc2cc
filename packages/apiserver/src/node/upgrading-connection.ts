/** A connection on its way out of HTTP/1.1, as Node's HTTP server lets go of it. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

export interface UpgradingConnection {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** Bytes that came after the request's head. */
  readonly head: Buffer;
}
