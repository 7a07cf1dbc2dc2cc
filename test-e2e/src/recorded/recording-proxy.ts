/**
 * Stands between kubectl and a test server: plain HTTP on one side, the admin's certificate on the other, and keeps
 * what was asked and how it was answered. It takes conditional and compression headers away, so that every answer is
 * whole.
 */
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestServer } from '../support/server.js';

/** As it went over the wire. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly status: number;
  readonly contentType: string;
  /** The first 64 KiB; empty for a watch. */
  readonly answer: string;
}

const keptBytes = 64 * 1024;
const hopHeaders = ['host', 'connection', 'accept-encoding', 'if-none-match', 'if-modified-since'];

export class RecordingProxy {
  readonly #server: TestServer;
  readonly #agent: Agent;
  readonly #listener: Server;
  #seen: SeenRequest[] = [];
  #onWatch: () => void = () => undefined;

  private constructor(server: TestServer) {
    this.#server = server;
    const { certificate, key } = server.admin;
    this.#agent = new Agent({ keepAlive: true, ca: server.ca, cert: certificate, key });
    this.#listener = createServer((incoming, outgoing) => this.#forward(incoming, outgoing));
  }

  static async start(server: TestServer): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(server);
    await new Promise<void>((resolve) => proxy.#listener.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** A kubeconfig that leads here. */
  kubeconfig(): string {
    const { port } = this.#listener.address() as AddressInfo; // it listens on TCP
    const path = join(this.#server.directory, 'recording-kubeconfig');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}` } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: '' } }],
      'current-context': 'c',
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  /** What was asked since the last call, in the order in which it was asked. */
  take(): SeenRequest[] {
    const seen = this.#seen;
    this.#seen = [];
    return seen;
  }

  /** Resolves once a watch has been answered. */
  watched(): Promise<void> {
    return new Promise((resolve) => {
      this.#onWatch = resolve;
    });
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#listener.closeAllConnections();
    await new Promise<void>((resolve) => this.#listener.close(() => resolve()));
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.once('end', () => {
      const body = Buffer.concat(chunks);
      const { method = 'GET', url: target = '/', headers } = incoming;
      // Kept in the order of the questions, whenever the answers come.
      const place =
        this.#seen.push({ method, target, headers, body, status: 0, contentType: '', answer: '' }) - 1;
      const list = this.#seen;
      const passed = Object.fromEntries(
        Object.entries(headers).filter(([name]) => !hopHeaders.includes(name)),
      );
      const question = request(
        {
          method,
          host: '127.0.0.1',
          port: this.#server.port,
          path: target,
          headers: passed,
          agent: this.#agent,
        },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          outgoing.flushHeaders();
          const isWatch = isWatchTarget(target);
          let kept = '';
          const keep = () => {
            const status = answer.statusCode ?? 0;
            const contentType = String(answer.headers['content-type'] ?? '');
            list[place] = { method, target, headers, body, status, contentType, answer: isWatch ? '' : kept };
          };
          keep();
          if (isWatch) this.#onWatch();
          answer.on('data', (chunk: Buffer) => {
            if (kept.length < keptBytes) kept += chunk.toString();
          });
          answer.once('end', keep);
          answer.pipe(outgoing);
          outgoing.once('close', () => answer.destroy());
        },
      );
      question.once('error', () => outgoing.destroy());
      question.end(body);
    });
  }
}

export function isWatchTarget(target: string): boolean {
  return /[?&]watch=(true|1)(&|$)/.test(target);
}
