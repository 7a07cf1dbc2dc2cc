/**
 * Ports for servers that tests start as processes. What the kernel picks is free at that moment only: before the
 * process has taken it, the kernel may give it to another test's server, or to the client's end of a connection. These
 * are below all that the kernel picks from, and each process that asks goes through some of its own.
 */
import { createServer } from 'node:net';

/** Linux picks from 32,768 on. */
const lowest = 10_000;
const ranges = 110;
const rangeSize = 200;
const first = lowest + (process.pid % ranges) * rangeSize;
let asked = 0;

/** A port of 127.0.0.1 that nobody has, and that is not told to anybody else soon. @throws Error: all are taken. */
export async function freePort(): Promise<number> {
  for (let i = 0; i < rangeSize; i++) {
    const port = first + (asked++ % rangeSize);
    if (await isFree(port)) return port;
  }
  throw new Error(`none of the ports ${first} to ${first + rangeSize - 1} is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
