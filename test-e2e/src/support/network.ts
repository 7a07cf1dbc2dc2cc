/** Ports, and a link that can be cut: a TCP relay between a klusterlet and its hub. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export { freePort } from '@flotilla/apiserver/testing';

/** Relays TCP from a port of its own to the target; cut, it drops everything and refuses new connections. */
export class Link {
  #target: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #cut = false;
  port = 0;

  constructor(target: number) {
    this.#target = target;
  }

  async open(): Promise<void> {
    const server = createServer((socket) => this.#relay(socket));
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
    this.port = (server.address() as AddressInfo).port; // as above
    this.#server = server;
  }

  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** New connections go there, and those that are open end: as a load balancer does when its target has gone. */
  redirect(target: number): void {
    this.#target = target;
    for (const socket of this.#sockets) socket.destroy();
  }

  heal(): void {
    this.#cut = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => {
      if (this.#server === undefined) resolve();
      else this.#server.close(() => resolve());
    });
  }

  #relay(socket: Socket): void {
    if (this.#cut) {
      socket.destroy();
      return;
    }
    const out = connect({ host: '127.0.0.1', port: this.#target });
    for (const one of [socket, out]) {
      this.#sockets.add(one);
      one.on('error', () => undefined); // the other end is told by `close`
      one.once('close', () => {
        this.#sockets.delete(one);
        socket.destroy();
        out.destroy();
      });
    }
    socket.pipe(out).pipe(socket);
  }
}
