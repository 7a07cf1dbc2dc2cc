/**
 * The API server in the test's own process behind plain HTTP: real clients reach it, while its clock and its history
 * are in the test's hands. For what takes minutes elsewhere: bookmarks, timeouts, compaction.
 */
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ApiResponse,
  type ApiServer,
  createApiServer,
  createMemoryStore,
  hubKubernetesVersion,
  type MemoryStore,
} from '@flotilla/apiserver';
import { createClient, generateKeyPair, type KubeClient, wellKnown } from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { strangeAuthority } from './credentials.js';
import { configMap } from './objects.js';

const admin = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };

export class EmbeddedServer {
  readonly env: TestEnv = createTestEnv();
  readonly client: KubeClient;
  /** Called with each request's target before it is answered. */
  onRequest: (target: string) => void | Promise<void> = () => undefined;
  readonly #store: MemoryStore = createMemoryStore();
  readonly #server: ApiServer;
  readonly #front: Server;
  #forgotten = 0;

  private constructor() {
    const ca = strangeAuthority();
    this.#server = createApiServer({
      store: this.#store,
      env: this.env,
      profile: 'cluster',
      kubernetesVersion: hubKubernetesVersion,
      advertiseUrl: 'https://embedded.test',
      clientCa: () => ca.certificatePem,
      serviceAccountKey: generateKeyPair().privateKeyPem,
    });
    this.#front = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    this.client = createClient(this.#server.transport());
  }

  /** With a namespace `ns`. */
  static async start(): Promise<EmbeddedServer> {
    const embedded = new EmbeddedServer();
    await embedded.#server.start();
    await new Promise<void>((resolve) => embedded.#front.listen(0, '127.0.0.1', resolve));
    await embedded.client.create(wellKnown.namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'ns' },
    });
    return embedded;
  }

  get url(): string {
    const { port } = this.#front.address() as AddressInfo; // it listens on TCP
    return `http://127.0.0.1:${port}`;
  }

  kubeconfig(): string {
    const path = join(tmpdir(), `flotilla-embedded-${process.pid}-${new URL(this.url).port}.json`);
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      // client-node speaks plain HTTP only to who says that nothing is to be verified.
      clusters: [{ name: 'c', cluster: { server: this.url, 'insecure-skip-tls-verify': true } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      users: [{ name: 'u', user: {} }],
      'current-context': 'c',
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  createConfigMap(name: string, data: object = {}): Promise<unknown> {
    return this.client.create(wellKnown.configMaps, configMap(name, data, { namespace: 'ns' }));
  }

  /** Lets so much time pass, with writes in it, that no client can resume from what it knows now. */
  async forget(): Promise<void> {
    for (let half = 0; half < 2; half++) {
      this.#forgotten += 1;
      await this.client.create(wellKnown.secrets, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: `forgotten-${this.#forgotten}`, namespace: 'ns' },
      });
      await this.createConfigMap(`forgotten-${this.#forgotten}`);
      await this.env.clock.advance(20 * 60_000);
    }
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#front.closeAllConnections();
    await new Promise<void>((resolve) => this.#front.close(() => resolve()));
    await this.#store.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding was set
    const target = request.url ?? '/';
    await this.onRequest(target);
    const question = target.indexOf('?');
    const abort = new AbortController();
    response.once('close', () => abort.abort());
    const answer = await this.#server.handle({
      method: request.method ?? 'GET',
      path: question < 0 ? target : target.slice(0, question),
      query: new URLSearchParams(question < 0 ? '' : target.slice(question + 1)),
      headers: request.headers,
      body: Buffer.concat(chunks),
      signal: abort.signal,
      remoteAddress: '127.0.0.1',
      clientCertificates: [],
      user: admin,
    });
    write(answer, response);
  }
}

function write({ status, headers, body }: ApiResponse, response: ServerResponse): void {
  response.writeHead(status, headers as Record<string, string | string[]>); // Node does not change them
  if (typeof body !== 'function') {
    response.end(body);
    return;
  }
  response.flushHeaders();
  body({
    write: (chunk) => response.write(chunk),
    onDrain: (fn) => void response.on('drain', fn),
    onClose: (fn) => void response.once('close', fn),
    end: () => void response.end(),
  });
}
