/**
 * An API server as a simulated process: its disk outlives it, a crash loses what was not synced, and clients see
 * refused and reset connections, never half an answer. Used for the hub and for managed clusters.
 */
import {
  type AdmissionPlugin,
  type ApiServer,
  type CertificateRules,
  createApiServer,
  createInProcessTransport,
  createMemoryStore,
  type InProcessTransportOptions,
  type KubernetesVersion,
  type MemoryStore,
  type RequestGuard,
  type Revision,
  StoreError,
  type StoreEvent,
  startControlPlane,
} from '@flotilla/apiserver';
import {
  type Certificate,
  type CertificateAuthority,
  createStopController,
  type Env,
  onAbort,
  parseCertificate,
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from '@flotilla/kube';
import type { Trouble } from './api-faults.js';
import { HeldBytes } from './held-bytes.js';
import { Life } from './life.js';

/** All that a store held at one moment, oldest change first. */
export type Backup = readonly { readonly key: string; readonly value: Uint8Array }[];

export interface ServerProcessOptions {
  readonly name: string;
  readonly env: Env;
  readonly profile: 'hub' | 'cluster';
  readonly kubernetesVersion: KubernetesVersion;
  readonly pki: { readonly ca: CertificateAuthority; readonly serviceAccountKey: string };
  readonly admission?: (server: () => ApiServer) => readonly AdmissionPlugin[];
  readonly guard?: (server: () => ApiServer) => RequestGuard;
  readonly certificateRules?: CertificateRules;
  /** What runs in the same process, once the server answers. */
  readonly beside?: (server: ApiServer, life: Life) => Promise<void>;
  /** Every durable change, in order, as soon as somebody could have seen it. */
  readonly onEvent: (event: StoreEvent) => void;
  /** The process failed to start: always a defect. */
  readonly onFailure: (error: unknown) => void;
}

interface Exchange {
  readonly abort: AbortController;
  /** Of the client, DER. */
  readonly certificates: readonly Uint8Array[];
}

interface Running {
  readonly life: Life;
  readonly server: ApiServer;
  /** Requests and streams that break when it crashes. */
  readonly exchanges: Set<Exchange>;
  readonly held: HeldBytes;
  answers: boolean;
  ready: boolean;
}

export class ServerProcess {
  readonly name: string;
  readonly #options: ServerProcessOptions;
  #version: KubernetesVersion;
  #store: MemoryStore;
  #running: Running | undefined;
  #seen = 0n as Revision;
  #isRestoring = false;
  /** It is down on purpose: whoever replaces its store starts it again. */
  isBeingReplaced = false;
  #eventsToCrash: { events: number; readonly crash: () => void } | undefined;
  /** By how much its clock is wrong. */
  skewMs = 0;
  diskFault: 'full' | 'unreadable' | 'none' = 'none';
  /** What it does to its clients' requests; used by whoever dials it. */
  trouble: Trouble | undefined;

  constructor(options: ServerProcessOptions) {
    this.name = options.name;
    this.#options = options;
    this.#version = options.kubernetesVersion;
    this.#store = this.#emptyStore();
  }

  #emptyStore(): MemoryStore {
    const { clock, random } = this.#options.env;
    return createMemoryStore({
      clock,
      random,
      faults: {
        syncDelayMs: () => (this.#isRestoring ? 0 : syncMs(random.next())),
        failSync: () =>
          this.diskFault === 'none' || this.#isRestoring
            ? undefined
            : new StoreError(this.diskFault === 'full' ? 'disk-full' : 'io', `the disk is ${this.diskFault}`),
      },
    });
  }

  get url(): string {
    return `https://${this.name}.example:6443`;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get isReady(): boolean {
    return this.#running?.ready ?? false;
  }

  /** What is wrong with what it keeps for its clients. */
  heldProblems(): string[] {
    return this.#running?.held.problems() ?? [];
  }

  get minor(): number {
    return this.#version.minor;
  }

  /** From the next start on. */
  upgrade(version: KubernetesVersion): void {
    this.#version = version;
  }

  start(): void {
    if (this.#running !== undefined) throw new Error(`${this.name} runs already`);
    const { env, profile, pki, admission, guard, certificateRules } = this.#options;
    const life = new Life(env, () => this.skewMs);
    const server: ApiServer = createApiServer({
      store: this.#store,
      env: life.env,
      profile,
      kubernetesVersion: this.#version,
      advertiseUrl: this.url,
      clientCa: () => pki.ca.certificatePem,
      serviceAccountKey: pki.serviceAccountKey,
      ...(admission && { admission: admission(() => server) }),
      ...(guard && { guard: guard(() => server) }),
      ...(certificateRules && { certificateRules }),
    });
    const held = new HeldBytes(env.clock);
    const running: Running = { life, server, exchanges: new Set(), held, answers: false, ready: false };
    this.#running = running;
    this.#boot(running).catch((error: unknown) => {
      if (!life.isOver) this.#options.onFailure(error);
    });
  }

  async #boot(running: Running): Promise<void> {
    const { life, server } = running;
    const { profile, pki, beside } = this.#options;
    await this.#store.watch('', this.#seen, (events) => this.#hear(events));
    await server.start();
    running.answers = true;
    await startControlPlane(server, {
      env: life.env,
      profile,
      store: this.#store,
      ca: pki.ca,
      signal: createStopController().signal,
    });
    await beside?.(server, life);
    server.setReady(true);
    running.ready = true;
  }

  #hear(events: readonly StoreEvent[]): void {
    for (const event of events) {
      if (event.revision <= this.#seen) continue;
      this.#seen = event.revision;
      this.#options.onEvent(event);
      this.#countToCrash();
    }
  }

  /** Crashes when so many changes more were made durable, a few promises later: at any await point after a write. */
  crashAfter(events: number, crash: () => void): void {
    this.#eventsToCrash = { events, crash };
  }

  #countToCrash(): void {
    const pending = this.#eventsToCrash;
    if (pending === undefined || --pending.events > 0) return;
    this.#eventsToCrash = undefined;
    let hops = Math.floor(this.#options.env.random.next() * 60);
    const hop = (): void => {
      if (hops-- > 0) queueMicrotask(hop);
      else pending.crash();
    };
    hop();
  }

  /** As of now; only while it runs. */
  async backUp(): Promise<Backup> {
    const { items } = await this.#store.range('');
    return [...items]
      .sort((a, b) => (a.modRevision < b.modRevision ? -1 : 1))
      .map(({ key, value }) => ({ key, value }));
  }

  /** Puts a back-up, or nothing, in the place of what the store holds; only while it does not run. */
  async replaceStore(backup: Backup | undefined): Promise<void> {
    if (this.#running !== undefined) throw new Error(`${this.name} still runs`);
    const before = this.#seen;
    this.#isRestoring = true;
    this.#store = this.#emptyStore();
    // As `hub restore` does: no revision may come twice.
    if (backup !== undefined) await this.#store.advance?.((before + 1_000_000_000n) as Revision);
    for (const { key, value } of backup ?? []) {
      await this.#store.write({ type: 'put', key, value, expected: 0n as Revision });
    }
    this.#seen = await this.#store.revision();
    this.#isRestoring = false;
  }

  /** Forgets all changes of the past: whoever resumes a watch from before the next start must list again. */
  async forgetHistory(): Promise<void> {
    await this.#store.compact(await this.#store.revision());
  }

  /** Ends it as a power failure would; `start` begins the next life on what was durable. */
  crash(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.life.end();
    this.#store.crash();
    this.#store = this.#store.reopen();
    const reset = new TransportError('closed', `the connection to ${this.name} was reset`);
    for (const { abort } of running.exchanges) abort.abort(reset);
    running.server.close();
  }

  /** Ends the connections of clients with such certificates. */
  disconnect(isMeant: (certificate: Certificate) => boolean): void {
    const ended = new TransportError('closed', `${this.name} ended the connection`);
    for (const { abort, certificates } of this.#running?.exchanges ?? []) {
      const [own] = certificates;
      if (own !== undefined && isMeant(parseCertificate(own))) abort.abort(ended);
    }
  }

  /** A client's way in; follows the process through its lives. */
  dial(credentials: () => InProcessTransportOptions & { readonly token?: string }): Transport {
    return {
      request: async (request) => {
        const running = this.#running;
        if (running === undefined || !running.answers) {
          throw new TransportError('tcp', `cannot reach ${this.name}: connection refused (TCP)`);
        }
        return ask(running, request, credentials());
      },
      close: async () => undefined,
    };
  }
}

async function ask(
  { server, exchanges, held }: Running,
  request: TransportRequest,
  { token, ...options }: InProcessTransportOptions & { readonly token?: string },
): Promise<TransportResponse> {
  const abort = new AbortController();
  const exchange: Exchange = { abort, certificates: options.clientCertificates ?? [] };
  exchanges.add(exchange);
  onAbort(request.signal, () => {
    exchanges.delete(exchange);
    abort.abort(request.signal?.reason);
  });
  const headers = {
    ...request.headers,
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  const broken = new Promise<never>((_, reject) => {
    onAbort(abort.signal, () => reject(abort.signal.reason));
  });
  try {
    const asked = createInProcessTransport(held.watching(server), { maxBufferedBytes, ...options }).request({
      ...request,
      headers,
      signal: abort.signal,
    });
    return await Promise.race([asked, broken]);
  } finally {
    if (!request.path.includes('watch=')) exchanges.delete(exchange); // an answer that is no stream is whole by now
    broken.catch(() => undefined); // told to whoever reads the stream
  }
}

/** What a server sends ahead of a reader: little, so that slow ones are noticed. */
const maxBufferedBytes = 16 * 1024;

/** A disk is quick as a rule, and now and then busy with something else. */
function syncMs(chance: number): number {
  return chance < 0.95 ? 0.2 + chance * 3 : 5 + (chance - 0.95) * 1000;
}
