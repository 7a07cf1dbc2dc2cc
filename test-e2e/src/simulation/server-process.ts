/**
 * An API server as a simulated process: its disk outlives it, a crash loses what was not synced, and clients see
 * refused and reset connections, never half an answer. Used for the hub and for managed clusters.
 */
import {
  type AdmissionPlugin,
  type ApiServer,
  type CertificateRules,
  createApiServer,
  createMemoryStore,
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
  type Transport,
  TransportError,
} from '@flotilla/kube';
import type { Trouble } from './api-faults.js';
import { Life } from './life.js';
import { type Credentials, ServerExchanges } from './server-exchanges.js';

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

interface Running {
  readonly life: Life;
  readonly server: ApiServer;
  /** They break when it crashes. */
  readonly exchanges: ServerExchanges;
  answers: boolean;
  ready: boolean;
  /** That it does not start is no wonder then. */
  sawDiskFail: boolean;
}

const restartMs = 5000;

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
        failSync: () => this.#diskError(),
        failRead: () => (this.diskFault === 'unreadable' ? this.#diskError() : undefined),
      },
    });
  }

  #diskError(): StoreError | undefined {
    if (this.diskFault === 'none' || this.#isRestoring) return undefined;
    if (this.#running !== undefined) this.#running.sawDiskFail = true;
    return new StoreError(this.diskFault === 'full' ? 'disk-full' : 'io', `the disk is ${this.diskFault}`);
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
    return this.#running?.exchanges.heldProblems() ?? [];
  }

  /** It runs, and can read what it has. */
  get canTell(): boolean {
    return this.isReady && this.diskFault !== 'unreadable';
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
    const exchanges = new ServerExchanges(server, env.clock);
    const state = { answers: false, ready: false, sawDiskFail: false };
    const running: Running = { life, server, exchanges, ...state };
    this.#running = running;
    this.#boot(running).catch((error: unknown) => {
      if (life.isOver) return;
      if (running.sawDiskFail) this.#startAgain();
      else this.#options.onFailure(error);
    });
  }

  /** As whoever supervises it does. */
  #startAgain(): void {
    this.crash();
    this.#options.env.clock.setTimer(restartMs, () => {
      if (!this.isRunning && !this.isBeingReplaced) this.start();
    });
  }

  async #boot(running: Running): Promise<void> {
    const { life, server } = running;
    const { profile, pki, beside, certificateRules } = this.#options;
    await this.#store.watch('', this.#seen, (events) => this.#hear(events));
    await server.start();
    running.answers = true;
    await startControlPlane(server, {
      env: life.env,
      profile,
      store: this.#store,
      ca: pki.ca,
      certificateRules,
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
    running.exchanges.breakAll(new TransportError('closed', `the connection to ${this.name} was reset`));
    running.server.close();
  }

  /** Ends the connections of clients with such certificates. */
  disconnect(isMeant: (certificate: Certificate) => boolean): void {
    const ended = new TransportError('closed', `${this.name} ended the connection`);
    this.#running?.exchanges.breakAll(ended, isMeant);
  }

  /** A client's way in; follows the process through its lives. */
  dial(credentials: () => Credentials): Transport {
    return {
      request: async (request) => {
        const running = this.#running;
        if (running === undefined || !running.answers) {
          throw new TransportError('tcp', `cannot reach ${this.name}: connection refused (TCP)`);
        }
        return running.exchanges.ask(request, credentials());
      },
      close: async () => undefined,
    };
  }
}

/** A disk is quick as a rule, and now and then busy with something else. */
function syncMs(chance: number): number {
  return chance < 0.95 ? 0.2 + chance * 3 : 5 + (chance - 0.95) * 1000;
}
