/** An HTTP proxy that knows CONNECT only, with or without a password, and tells what it was asked for. */

import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export class GuardedProxy {
  readonly asked: string[] = [];
  readonly #server: Server = createServer();
  readonly #sockets = new Set<Socket>();
  /** `user:password` that it wants; undefined: it lets everybody through. */
  readonly #password: string | undefined;
  /** Refuses every target with 403. */
  isClosed = false;

  constructor(password?: string) {
    this.#password = password;
  }

  async open(): Promise<this> {
    this.#server.on('connect', (request, socket: Socket, head: Buffer) => {
      this.#track(socket);
      const given = Buffer.from((request.headers['proxy-authorization'] ?? '').slice(6), 'base64').toString();
      if (this.#password !== undefined && given !== this.#password) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nconnection: close\r\n\r\n');
        return;
      }
      if (this.isClosed) {
        socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n');
        return;
      }
      this.asked.push(request.url ?? '');
      const [host = '', port = ''] = (request.url ?? '').split(':');
      // Names that only the proxy knows are its own machine.
      const out = connect({ host: host.endsWith('.invalid') ? '127.0.0.1' : host, port: Number(port) });
      this.#track(out);
      out.once('connect', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        if (head.length > 0) out.write(head);
        socket.pipe(out).pipe(socket);
      });
      for (const one of [socket, out])
        one.once('close', () => {
          socket.destroy();
          out.destroy();
        });
    });
    await new Promise<void>((resolve) => this.#server.listen({ host: '127.0.0.1', port: 0 }, resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // it listens on TCP
  }

  get url(): string {
    return `http://${this.#password === undefined ? '' : `${this.#password}@`}127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // the other end is told by `close`
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
