/**
 * Connections that leave HTTP/1.1: asks the handler as for any request, and either hands the connection over, as bytes
 * or as a WebSocket, or writes the ordinary answer and closes. Called by the HTTP front. `ws` is loaded at the first
 * WebSocket.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Logger } from '@flotilla/kube';
import { createSocketChannel } from '@flotilla/kube/node';
import type { ApiResponse, ConnectionUpgrade } from '../server/handler.js';
import type { UpgradingConnection } from './upgrading-connection.js';

/** The protocol that the client asks for: the first of the header, lower-case. */
export function upgradeProtocol({ headers }: IncomingMessage): string | undefined {
  const first = headers.upgrade?.split(',', 1)[0]?.trim().toLowerCase();
  return first === '' ? undefined : first;
}

/** Lets the response be written to the connection that the HTTP server has let go of, and closes it after that. */
export function answerPlainly({ socket }: UpgradingConnection, response: ServerResponse): void {
  // What follows on the connection may be in the protocol that was refused.
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  socket.resume(); // whatever comes is thrown away, so that its end is seen
  response.once('finish', () => {
    response.detachSocket(socket);
    socket.end();
  });
}

/** Sends the head and gives the connection to whoever answers. */
export async function handOver(
  connection: UpgradingConnection,
  answer: ApiResponse & { readonly upgrade: ConnectionUpgrade },
  log: Logger,
): Promise<void> {
  const { socket, head } = connection;
  socket.setTimeout(0);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 30_000);
  const { upgrade } = answer;
  if (upgrade.webSocket !== undefined) {
    const { acceptWebSocket } = await import('./websocket.js');
    acceptWebSocket(connection, { ...upgrade.webSocket, headers: answer.headers, run: upgrade.run, log });
    return;
  }
  socket.write(
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}\r\n${headerLines(answer.headers)}\r\n`,
  );
  upgrade.run(createSocketChannel(socket, head));
}

function headerLines(headers: ApiResponse['headers']): string {
  return Object.entries(headers)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => `${name}: ${String(one)}\r\n`),
    )
    .join('');
}
