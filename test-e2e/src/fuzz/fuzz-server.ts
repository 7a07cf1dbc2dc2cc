/** The API server in process for fuzzed requests: sends one, judges the answer, and throws away what was made. */
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type ApiResponse,
  type ApiServer,
  createApiServer,
  createMemoryStore,
  hubKubernetesVersion,
  type MemoryStore,
  type ResponseSink,
} from '@flotilla/apiserver';
import { createClient, generateKeyPair, wellKnown } from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { strangeAuthority } from '../support/credentials.js';
import { at } from '../support/json.js';
import { widgetCrd, widgetGroup } from '../support/objects.js';
import { type FuzzRequest, fuzzNamespace } from './fuzz-parts.js';

const admin = { username: 'fuzz', groups: ['system:masters', 'system:authenticated'] };

export class FuzzServer {
  readonly #env: TestEnv = createTestEnv();
  readonly #store: MemoryStore = createMemoryStore();
  readonly #server: ApiServer;

  private constructor() {
    const ca = strangeAuthority();
    this.#server = createApiServer({
      store: this.#store,
      env: this.#env,
      profile: 'cluster',
      kubernetesVersion: hubKubernetesVersion,
      advertiseUrl: 'https://fuzz.test',
      clientCa: () => ca.certificatePem,
      serviceAccountKey: generateKeyPair().privateKeyPem,
    });
  }

  static async start(): Promise<FuzzServer> {
    const server = new FuzzServer();
    await server.#server.start();
    await server.#furnish();
    server.#server.setReady(true);
    return server;
  }

  async close(): Promise<void> {
    this.#server.close();
    await this.#store.close();
  }

  /** What is wrong with the answer; undefined when nothing is. */
  async problemOf(request: FuzzRequest): Promise<string | undefined> {
    const { log } = this.#env;
    const answer = await this.#send(request);
    const bytes = typeof answer.body === 'function' ? await this.#firstOf(answer.body) : answer.body;
    const [failure] = log.entries.filter(({ level }) => level === 'error');
    log.clear();
    const where = `${request.method} ${request.target} ${JSON.stringify(request.headers)}`;
    if (failure !== undefined) return `${where}: ${failure.message} ${JSON.stringify(failure.fields)}`;
    return judge(answer, bytes, where);
  }

  /** Deletes what the requests have made, and what the store remembers of it. */
  async empty(): Promise<void> {
    for (const definition of this.#server.registry.all()) {
      const { group, version, resource, namespaced, verbs } = definition;
      if (!verbs.includes('deletecollection') || resource === 'customresourcedefinitions') continue;
      if (group === 'rbac.authorization.k8s.io' && !namespaced) continue;
      const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
      const path = namespaced ? `${root}/namespaces/${fuzzNamespace}/${resource}` : `${root}/${resource}`;
      if (resource === 'namespaces') continue;
      await this.#send({ method: 'DELETE', target: path, headers: {}, body: new Uint8Array() });
    }
    await this.#env.clock.advance(60_000);
    await this.#store.compact(await this.#store.revision());
  }

  async isHealthy(): Promise<boolean> {
    const answer = await this.#send({
      method: 'GET',
      target: `/api/v1/namespaces/${fuzzNamespace}`,
      headers: {},
      body: new Uint8Array(),
    });
    return answer.status === 200;
  }

  async #furnish(): Promise<void> {
    const client = createClient(this.#server.transport());
    await client.create(wellKnown.namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: fuzzNamespace },
    });
    const metadata = { name: 'default', namespace: fuzzNamespace };
    await client.create(wellKnown.serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    const body = Buffer.from(JSON.stringify(widgetCrd('widgets')));
    const target = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    await this.#send({ method: 'POST', target, headers: { 'content-type': 'application/json' }, body });
    if (this.#server.registry.find(widgetGroup, 'v1', 'widgets') === undefined)
      throw new Error('no widgets are served');
  }

  /** Virtual time passes while the answer waits for it. */
  async #send({ method, target, headers, body }: FuzzRequest): Promise<ApiResponse> {
    const question = target.indexOf('?');
    const abort = new AbortController();
    let isDone = false;
    const answer = this.#server
      .handle({
        method,
        path: question < 0 ? target : target.slice(0, question),
        query: new URLSearchParams(question < 0 ? '' : target.slice(question + 1)),
        headers,
        body,
        signal: abort.signal,
        remoteAddress: '127.0.0.1',
        clientCertificates: [],
        ...(headers['authorization'] === undefined && { user: admin }),
      })
      .finally(() => {
        isDone = true;
      });
    for (let turn = 0; turn < 20 && !isDone; turn++) await setImmediate();
    for (let seconds = 0; seconds < 120 && !isDone; seconds++) await this.#env.clock.advance(1000);
    if (!isDone) throw new Error(`no answer to ${method} ${target}`);
    return answer;
  }

  /** The first pieces of a stream whose client then goes away. */
  async #firstOf(stream: (sink: ResponseSink) => void): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    const closes: (() => void)[] = [];
    stream({
      write: (chunk) => chunks.push(chunk) > 0,
      onDrain: () => undefined,
      onClose: (fn) => void closes.push(fn),
      end: () => undefined,
    });
    await this.#env.clock.settle();
    for (const close of closes) close();
    return Buffer.concat(chunks);
  }
}

/** A defect of the server: a 5xx (but the one of a revision that does not come), or a body that is not what it says. */
function judge(answer: ApiResponse, bytes: Uint8Array, where: string): string | undefined {
  const text = Buffer.from(bytes).toString();
  if (answer.status >= 500 && !(answer.status === 504 && isLate(text))) {
    return `${where}: ${answer.status} ${text.slice(0, 500)}`;
  }
  const type = String(answer.headers['content-type'] ?? '');
  if (type.startsWith('application/json') && bytes.length > 0) {
    const lines = typeof answer.body === 'function' ? text.split('\n').filter((line) => line !== '') : [text];
    for (const line of lines) {
      const code = codeOf(line);
      if (code === undefined)
        return `${where}: ${answer.status} with a body that is no JSON: ${line.slice(0, 200)}`;
      if (answer.status >= 400 && code !== answer.status)
        return `${where}: ${answer.status} with code ${code}`;
    }
  }
  return undefined;
}

/** The code of a Status; 0 of another document; undefined when it is no JSON. */
function codeOf(line: string): number | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return at(value, 'kind') === 'Status' ? Number(at(value, 'code') ?? 0) : 0;
  } catch {
    return undefined; // the caller reports it
  }
}

/** Bytes on the heap that something still refers to. */
export function heapBytes(): number {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void; // what the flag exposes
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** A revision that is not there yet is waited for, as long as the server or the request allows. */
export function isLate(text: string): boolean {
  return /Too large resource version|request did not complete within requested timeout/.test(text);
}
