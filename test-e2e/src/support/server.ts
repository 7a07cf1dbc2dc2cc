/**
 * One API server process for one test file, and the ways in: kubectl, plain HTTPS with the admin's certificate
 * (or any other credential), watches. Objects of different tests live in namespaces of their own.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadKubeconfig } from '@flotilla/kube';
import { must } from './fleet.js';
import { freePort } from './network.js';
import {
  Daemon,
  eventually,
  Follower,
  HopelessError,
  type Result,
  type RunOptions,
  run,
} from './processes.js';
import { WatchReader } from './watch-reader.js';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly bytes: Buffer;
  /** Parsed when it is JSON, else undefined. */
  readonly body: unknown;
}

export interface Send {
  /** Objects are sent as JSON; strings and bytes as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly accept?: string;
  /** Default: the admin's client certificate. */
  readonly as?: Credential;
}

export type Credential =
  | { readonly anonymous: true }
  | { readonly token: string }
  | { readonly certificate: string; readonly key: string }
  | { readonly user: string; readonly groups?: readonly string[] };

interface ServerOptions {
  readonly profile?: 'hub' | 'cluster';
  readonly kubernetesVersion?: string;
  /** Further flags, as on a command line. */
  readonly flags?: readonly string[];
}

export class TestServer {
  readonly directory = mkdtempSync(join(tmpdir(), 'flotilla-server-'));
  readonly kubeconfig = join(this.directory, 'kubeconfig');
  readonly #agents = new Map<string, Agent>();
  readonly #watches = new Set<WatchReader>();
  readonly #followers = new Set<Follower>();
  #daemon = new Daemon('apiserver', 'apiserver', []);
  #files = 0;
  #namespaces = 0;
  #admin = { ca: '', certificate: '', key: '' };
  port = 0;

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#daemon.pid;
  }

  /** What the process has written, its log above all. */
  get output(): string {
    return this.#daemon.output;
  }

  get ca(): string {
    return this.#admin.ca;
  }

  get admin(): { readonly certificate: string; readonly key: string } {
    return this.#admin;
  }

  async start({ profile = 'cluster', kubernetesVersion, flags = [] }: ServerOptions = {}): Promise<void> {
    this.port = await freePort();
    this.#daemon = new Daemon('apiserver', 'apiserver', [
      ...['--profile', profile, '--data-dir', join(this.directory, 'data')],
      ...['--listen', `127.0.0.1:${this.port}`, '--kubeconfig', this.kubeconfig],
      ...(kubernetesVersion === undefined ? [] : ['--kubernetes-version', kubernetesVersion]),
      ...flags,
    ]);
    this.#daemon.start();
    await this.ready();
  }

  /** Ends the process with the signal and starts it again on the same port and data. */
  async restart(signal: NodeJS.Signals): Promise<void> {
    await this.end(signal);
    this.launch();
    await this.ready();
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.#daemon.stop(signal);
    this.#dropAgents();
  }

  /** Starts the process again, and does not wait for it. */
  launch(): void {
    this.#daemon.start();
  }

  async stop(): Promise<void> {
    for (const watch of this.#watches) watch.close();
    for (const follower of this.#followers) await follower.stop();
    this.#dropAgents();
    await this.#daemon.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Runs kubectl, whatever its exit code. */
  kubectl(...args: string[]): Promise<Result> {
    return this.kubectlWith({}, ...args);
  }

  kubectlWith(
    { kubectl = 'kubectl', ...options }: RunOptions & { readonly kubectl?: string },
    ...args: string[]
  ): Promise<Result> {
    // A cache of its own: another test's server may have had the same port.
    const cache = ['--cache-dir', join(this.directory, 'kube-cache')];
    return run(kubectl, ['--kubeconfig', this.kubeconfig, ...cache, ...args], options);
  }

  /** What kubectl prints. @throws Error with kubectl's words when it fails. */
  async k(...args: string[]): Promise<string> {
    return must(await this.kubectl(...args));
  }

  /** What kubectl complains of. @throws Error when it succeeds. */
  async refused(...args: string[]): Promise<string> {
    const result = await this.kubectl(...args);
    if (result.code === 0) throw new Error(`kubectl ${args.join(' ')} succeeded: ${result.stdout}`);
    return result.stderr;
  }

  /** Runs kubectl with objects (or text) on standard input. */
  feed(input: object | readonly object[] | string, ...args: string[]): Promise<Result> {
    const value = Array.isArray(input) ? { apiVersion: 'v1', kind: 'List', items: input } : input;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return this.kubectlWith({ input: text }, ...args, '-f', '-');
  }

  /** kubectl with a watch of its own; stopped at the end of the file, if not before. */
  follow(...args: string[]): Follower {
    const follower = new Follower('kubectl', ['--kubeconfig', this.kubeconfig, ...args]);
    this.#followers.add(follower);
    return follower;
  }

  /** Writes a file that kubectl can be given. */
  file(content: string | object, extension = 'yaml'): string {
    this.#files += 1;
    const path = join(this.directory, `file-${this.#files}.${extension}`);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  }

  /** A program for EDITOR or KUBECTL_EXTERNAL_DIFF: a Node script that is given its arguments as `args`. */
  script(body: string): string {
    const path = this.file(
      `import * as fs from 'node:fs';\nconst args = process.argv.slice(2);\n${body}\n`,
      'mjs',
    );
    return `${process.execPath} ${path}`;
  }

  /** A fresh namespace. */
  async namespace(prefix = 'ns'): Promise<string> {
    this.#namespaces += 1;
    const name = `${prefix}-${this.#namespaces}`;
    await this.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    return name;
  }

  /** One request over HTTPS. */
  async send(method: string, path: string, options: Send = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(this.#request(method, path, options), (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.once('error', reject);
        incoming.once('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            bytes,
            text: bytes.toString(),
            body: parseJson(bytes.toString()),
          });
        });
      });
      outgoing.once('error', reject);
      const body = encode(options.body);
      // Node frames the body of a DELETE only when it is told to.
      if (body !== undefined) outgoing.setHeader('content-length', Buffer.byteLength(body));
      outgoing.end(body);
    });
  }

  get(path: string, options: Send = {}): Promise<Answer> {
    return this.send('GET', path, options);
  }

  /** The body. @throws Error with the answer when it is no 2xx. */
  async read(path: string, options: Send = {}): Promise<unknown> {
    return succeeded(await this.send('GET', path, options)).body;
  }

  /** The stored object. @throws Error with the answer when it is no 2xx. */
  async create(path: string, object: object, options: Send = {}): Promise<unknown> {
    return succeeded(await this.send('POST', path, { ...options, body: object })).body;
  }

  patch(path: string, type: PatchType, body: unknown, options: Send = {}): Promise<Answer> {
    return this.send('PATCH', path, { ...options, body, contentType: patchTypes[type] });
  }

  /** @throws Error when the answer is no 200. */
  async watch(path: string, options: Send = {}): Promise<WatchReader> {
    const reader = await WatchReader.open(this.#request('GET', path, options));
    this.#watches.add(reader);
    return reader;
  }

  #request(method: string, path: string, { as, body, accept, contentType, headers }: Send): RequestOptions {
    const type = contentType ?? (body === undefined ? undefined : 'application/json');
    return {
      method,
      host: '127.0.0.1',
      port: this.port,
      path,
      agent: this.#agent(as),
      headers: {
        ...(type !== undefined && { 'content-type': type }),
        ...(accept !== undefined && { accept }),
        ...(as !== undefined && 'token' in as && { authorization: `Bearer ${as.token}` }),
        ...(as !== undefined && 'user' in as && { 'impersonate-user': as.user }),
        ...(as !== undefined &&
          'user' in as &&
          as.groups !== undefined && { 'impersonate-group': [...as.groups] }),
        ...headers,
      },
    };
  }

  /** Connections of one client certificate, or of none. */
  #agent(as: Credential | undefined): Agent {
    const isAdmin = as === undefined || 'user' in as;
    const identity = isAdmin ? this.#admin : 'certificate' in as ? as : undefined;
    const key = identity?.certificate ?? '';
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent = new Agent({
      keepAlive: true,
      ca: this.#admin.ca,
      ...(identity !== undefined && { cert: identity.certificate, key: identity.key }),
    });
    this.#agents.set(key, agent);
    return agent;
  }

  #dropAgents(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async ready(): Promise<void> {
    await eventually('the API server is ready', async () => {
      if (!this.#daemon.isRunning) throw new HopelessError(`the API server ended: ${this.#daemon.output}`);
      const { cluster, user } = loadKubeconfig(readFileSync(this.kubeconfig, 'utf8'));
      this.#admin = {
        ca: cluster.caData ?? '',
        certificate: user.clientCertificateData ?? '',
        key: user.clientKeyData ?? '',
      };
      return (await this.get('/readyz')).text === 'ok';
    });
  }
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

const patchTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** @throws Error with the answer when it is no 2xx. */
export function succeeded(answer: Answer): Answer {
  if (answer.status < 200 || answer.status > 299) throw new Error(`${answer.status}: ${answer.text}`);
  return answer;
}

function encode(body: unknown): string | Uint8Array | undefined {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return body;
  return JSON.stringify(body);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // plain text and protobuf are asked for by tests, too
  }
}
