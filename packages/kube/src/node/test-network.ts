/** Misbehaving peers on real sockets, for the tests of this folder; nothing else imports it. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What the call rejects with. */
export async function failureOf(fn: () => Promise<unknown>): Promise<unknown> {
  try {
    await fn();
  } catch (error) {
    return error;
  }
  throw new Error('no failure');
}

/** Waits until it holds; mocha's limit ends a wait in vain. */
export async function eventually(predicate: () => boolean): Promise<void> {
  for (let attempt = 0; !predicate(); attempt++) {
    if (attempt > 4000) throw new Error('it does not come true'); // or mocha would wait for this loop for ever
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on loopback. */
export function listen(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        close: async () => {
          for (const socket of sockets) socket.destroy();
          server.close();
        },
      });
    });
  });
}

/** Forwards bytes until it is frozen; then it keeps its connections open and silent. */
export async function startPipe(target: number): Promise<Listening & { freeze(): void }> {
  let frozen = false;
  const ends: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    ends.push(far);
    far.on('error', () => undefined);
    near.on('data', (data) => frozen || far.write(data));
    far.on('data', (data) => frozen || near.write(data));
  });
  const listening = await listen(server);
  return {
    port: listening.port,
    freeze: () => {
      frozen = true;
    },
    close: async () => {
      for (const end of ends) end.destroy();
      await listening.close();
    },
  };
}

/** A proxy that keeps the heads of the requests it gets. */
export async function startConnectProxy(heads: string[]): Promise<Listening> {
  const server = createServer((near) => {
    near.once('data', (head) => {
      heads.push(head.toString());
      const port = Number(/^CONNECT [^:]+:(\d+)/.exec(head.toString())?.[1]);
      const far = connect(port, '127.0.0.1', () => {
        near.write('HTTP/1.1 200 Connection established\r\n\r\n');
        near.pipe(far).pipe(near);
      });
      far.on('error', () => undefined);
    });
  });
  return listen(server);
}
