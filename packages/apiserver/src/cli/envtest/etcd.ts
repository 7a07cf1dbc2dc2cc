/**
 * What a test environment starts where it expects an etcd: it says that it is well until it is told to stop, and
 * stores nothing. The API server beside it keeps its objects itself.
 */
import { createServer, type Server } from 'node:http';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addComponent } from './component-command.js';

export interface HealthAddress {
  readonly host: string;
  readonly port: number;
}

/** `start` runs until it is told to stop. */
export function addEtcdCommand(
  program: Command,
  start: (addresses: readonly HealthAddress[]) => Promise<void>,
): void {
  addComponent(program, {
    name: 'etcd',
    description: 'Stands where a test environment starts an etcd. Nothing is stored.',
  })
    .addOption(
      new Option('--listen-client-urls <urls>', 'where /health is answered')
        .argParser(parseUrls)
        .default([{ host: 'localhost', port: 2379 }], 'http://localhost:2379'),
    )
    .option('--advertise-client-urls <urls>', 'accepted')
    .option('--listen-peer-urls <urls>', 'accepted: there are no peers')
    .option('--data-dir <dir>', 'accepted: nothing is written there')
    .option('--unsafe-no-fsync [boolean]', 'accepted')
    .action(({ listenClientUrls }: { listenClientUrls: readonly HealthAddress[] }) =>
      start(listenClientUrls),
    );
}

function parseUrls(text: string): HealthAddress[] {
  return text.split(',').map((part) => {
    const url = URL.canParse(part) ? new URL(part) : undefined;
    if (url?.protocol !== 'http:') throw new InvalidArgumentError('give URLs such as http://127.0.0.1:2379.');
    // A URL does not tell the port that is its scheme's own.
    return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 80 : Number(url.port) };
  });
}

/** Resolves when the signal aborts. @throws Error in one sentence when an address cannot be used. */
export async function serveHealth(addresses: readonly HealthAddress[], signal: AbortSignal): Promise<void> {
  const servers: Server[] = [];
  try {
    for (const address of addresses) servers.push(await listen(address));
    if (!signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  } finally {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  }
}

function listen({ host, port }: HealthAddress): Promise<Server> {
  const server = createServer((request, response) => {
    const isHealth = request.url?.split('?', 1)[0] === '/health';
    response.writeHead(isHealth ? 200 : 404, { 'content-type': 'application/json' });
    response.end(isHealth ? '{"health":"true","reason":""}' : '{"error":"nothing is stored here"}');
  });
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'the port is in use' : cause.message;
      reject(
        new Error(`cannot listen on ${host}:${port}: ${why}; choose another with --listen-client-urls`, {
          cause,
        }),
      );
    });
    server.listen({ host, port }, () => resolve(server));
  });
}
