/**
 * An API server with bad days: a TLS proxy in front of a managed cluster that a test tells to refuse, to be slow, or to
 * hold a request back for ever. Whoever comes through it is the cluster's administrator, unless it shows a token. It
 * speaks HTTP/1.1, and keeps what it was asked.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { loadKubeconfig } from '@flotilla/kube';
import { servingCertificate, strangeAuthority } from './credentials.js';
import type { Cluster } from './fleet.js';

export interface ProxiedRequest {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** When it came, milliseconds since the process began. */
  readonly atMs: number;
}

/** What becomes of a request; undefined: it goes through. */
export type Fault =
  | undefined
  /** Never reaches the cluster, and is never answered. */
  | 'hold'
  /** Reaches the cluster, and its answer never comes back. */
  | 'lose'
  | { readonly delayMs: number }
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body: object };

/** A Status as a kube-apiserver sends it. */
export function refusal(code: number, reason: string, headers: Readonly<Record<string, string>> = {}): Fault {
  const body = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: reason,
    reason,
    code,
  };
  return { status: code, headers, body };
}

export class FaultProxy {
  readonly requests: ProxiedRequest[] = [];
  /** Asked for each request. */
  fault: (request: ProxiedRequest) => Fault = () => undefined;
  readonly #authority = strangeAuthority();
  readonly #serving = servingCertificate(this.#authority, 'proxy');
  readonly #upstream: { readonly host: string; readonly port: number; readonly agent: Agent };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  port = 0;

  constructor(cluster: Pick<Cluster, 'kubeconfig'>) {
    const { cluster: target, user } = loadKubeconfig(readFileSync(cluster.kubeconfig, 'utf8'));
    const url = new URL(target.server);
    const agent = new Agent({
      keepAlive: true,
      ca: target.caData,
      cert: user.clientCertificateData,
      key: user.clientKeyData,
    });
    this.#upstream = { host: url.hostname, port: Number(url.port), agent };
  }

  async start(): Promise<void> {
    const server = createServer({ cert: this.#serving.certificate, key: this.#serving.key });
    server.on('request', (incoming, outgoing) => void this.#serve(incoming, outgoing));
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port; // of a TCP server
    this.#server = server;
  }

  /** A kubeconfig that leads through the proxy. `user`: in place of no credential at all. */
  writeKubeconfig(file: string, user: object = {}): void {
    const cluster = {
      server: `https://127.0.0.1:${this.port}`,
      'certificate-authority-data': Buffer.from(this.#authority.certificatePem).toString('base64'),
    };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      clusters: [{ name: 'c', cluster }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      users: [{ name: 'u', user }],
    };
    writeFileSync(file, JSON.stringify(config));
  }

  /** Breaks what is open: watches above all. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    this.#upstream.agent.destroy();
    await new Promise<void>((resolve) => {
      if (this.#server === undefined) resolve();
      else this.#server.close(() => resolve());
    });
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const { pathname, searchParams } = new URL(incoming.url ?? '/', 'https://proxy');
    const asked: ProxiedRequest = {
      method: incoming.method ?? '',
      path: pathname,
      query: searchParams,
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
      atMs: performance.now(),
    };
    this.requests.push(asked);
    const fault = this.fault(asked);
    if (fault === 'hold') return;
    if (fault !== undefined && fault !== 'lose' && 'status' in fault) {
      outgoing.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
      outgoing.end(JSON.stringify(fault.body));
      return;
    }
    if (fault !== undefined && fault !== 'lose') {
      await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
    }
    this.#forward(incoming, outgoing, { body: Buffer.concat(chunks), isLost: fault === 'lose' });
  }

  #forward(
    { method, url, headers }: IncomingMessage,
    outgoing: ServerResponse,
    { body, isLost }: { readonly body: Buffer; readonly isLost: boolean },
  ): void {
    const { host, port, agent } = this.#upstream;
    // A token is the caller's own; then the proxy's certificate must not speak first.
    const own = headers.authorization === undefined ? { agent } : { ca: agent.options.ca };
    const upstream = request(
      { host, port, method, path: url, headers: { ...headers, host: `${host}:${port}` }, ...own },
      (answer) => {
        if (isLost) {
          answer.resume();
          return;
        }
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
        answer.on('error', () => outgoing.destroy());
      },
    );
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    upstream.end(body);
  }
}
