/**
 * A klusterlet as a simulated process under a supervisor: its data directory outlives it, a crash loses what was not
 * synced, and a process that ends by itself is started again after a pause, as a node does with a container.
 */
import {
  type AgentOptions,
  defaultAgentOptions,
  type HubAddress,
  type HubCredentials,
  type KlusterletConfig,
  KlusterletState,
  leaveHub,
  runAgentOfHubs,
} from '@flotilla/klusterlet';
import {
  createClient,
  createStopController,
  type Env,
  fromPem,
  type KubeClient,
  type Transport,
  writeKubeconfig,
} from '@flotilla/kube';
import { createMemoryFiles, type MemoryFiles } from '@flotilla/kube/testing';
import { Life } from './life.js';
import type { ServerProcess } from './server-process.js';

export interface KlusterletProcessOptions {
  readonly clusterName: string;
  readonly env: Env;
  readonly hub: ServerProcess;
  /** For an agent that may move: the hub at an address. Default: always `hub`. */
  readonly hubAt?: (server: string) => ServerProcess;
  readonly hubCa: string;
  readonly agent?: Partial<AgentOptions>;
  readonly cluster: ServerProcess;
  /** The networks between it and the two servers. */
  readonly toHub: (transport: Transport) => Transport;
  readonly toCluster: (transport: Transport) => Transport;
  /** Ended by itself. */
  readonly onExit: (error: unknown) => void;
}

const restartMs = 5000;

export class KlusterletProcess {
  readonly #options: KlusterletProcessOptions;
  readonly #files: MemoryFiles;
  readonly #saved = new Set<string>();
  #life: Life | undefined;
  #isHeldDown = false;
  #lastWords = '';
  #death: { readonly operations: number; readonly die: () => void } | undefined;
  /** By how much its clock is wrong. */
  skewMs = 0;
  diskFault: 'full' | 'unreadable' | 'none' = 'none';

  constructor(options: KlusterletProcessOptions) {
    this.#options = options;
    const { clock, random } = options.env;
    this.#files = createMemoryFiles({
      clock,
      random,
      writeLatencyMs: 1,
      fail: (access, path) => {
        const code = { full: access === 'write' ? 'ENOSPC' : '', unreadable: 'EIO', none: '' }[
          this.diskFault
        ];
        return code === ''
          ? undefined
          : Object.assign(new Error(`cannot ${access} ${path}: the disk is ${this.diskFault}`), { code });
      },
    });
  }

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  /** What it has on disk, to look at. */
  get files(): MemoryFiles {
    return this.#files;
  }

  /** Whether a copy of this edition of a work has ever been safe on this disk, in this life of the machine. */
  hasSaved(token: string): boolean {
    if (this.#saved.has(token)) return true;
    const isThere = this.#files
      .durable('/data/works')
      .some((data) => Buffer.from(data).includes(`"${token}"`));
    if (isThere) this.#saved.add(token);
    return isThere;
  }

  get #state(): KlusterletState {
    return new KlusterletState(this.#files, '/data');
  }

  /** It has a certificate of the hub, whatever that is worth. */
  async hasJoined(): Promise<boolean> {
    return this.diskFault === 'none' && (await this.#state.hasJoined());
  }

  /** As a thief would see it. */
  async credentials(): Promise<HubCredentials | undefined> {
    return this.diskFault === 'none' ? this.#state.readCredentials() : undefined;
  }

  /** Its log, or `klusterlet status`, says that the hub does not take its token: somebody has to bring another one. */
  async isTokenRefused(): Promise<boolean> {
    if (this.diskFault !== 'none') return false;
    const why = (await this.#state.readProblem())?.why ?? '';
    return [why, this.#lastWords].some((text) => text.includes('refused the token'));
  }

  /** A join string for an agent that the hub does not know any more. */
  giveToken(token: string): Promise<void> {
    const { hub, hubCa } = this.#options;
    this.#lastWords = '';
    const kubeconfig = writeKubeconfig({ server: hub.url, ca: hubCa, credential: { token } });
    return this.#state.writeBootstrapKubeconfig(kubeconfig);
  }

  /** What `klusterlet leave` does, the agent stopped. @throws when the cluster cannot be reached; then again. */
  async leave(client: KubeClient, { keepWorkloads }: { keepWorkloads: boolean }): Promise<void> {
    const config = await this.#state.readConfig();
    if (config === undefined) return; // has left, or was never there
    await leaveHub({
      env: { ...this.#options.env, files: this.#files },
      managed: client,
      hub: undefined, // the hub learns of it by what its operator does
      state: this.#state,
      config,
      keepWorkloads,
      waitMs: 60_000,
      onProgress: () => undefined,
      signal: createStopController().signal,
    });
  }

  wipe(): void {
    this.#files.wipe();
    this.#saved.clear();
  }

  /** Dies at its so-manieth operation from now on. */
  dieAfter(operations: number, die: () => void): void {
    this.#death = { operations, die };
    this.#life?.dieAfter(operations, die);
  }

  /** What `klusterlet join` leaves behind. */
  async configure(token: string): Promise<void> {
    const { clusterName, hub, hubCa, env } = this.#options;
    const state = this.#state;
    const config: KlusterletConfig = {
      formatVersion: 1,
      clusterName,
      agentId: env.random.uuid(),
      hubServer: hub.url,
      hubCa,
    };
    await state.writeConfig(config);
    await state.writeBootstrapKubeconfig(
      writeKubeconfig({ server: hub.url, ca: hubCa, credential: { token } }),
    );
  }

  start(): void {
    if (this.#life !== undefined) throw new Error('the klusterlet runs already');
    const life = new Life({ ...this.#options.env, files: this.#files }, () => this.skewMs);
    this.#life = life;
    if (this.#death !== undefined) life.dieAfter(this.#death.operations, this.#death.die);
    this.#run(life).catch((error: unknown) => {
      if (life.isOver) return;
      this.#lastWords = String(error);
      this.#options.onExit(error);
      life.end();
      this.#life = undefined;
      this.#options.env.clock.setTimer(restartMs, () => {
        if (this.#life === undefined && !this.#isHeldDown) this.start();
      });
    });
  }

  /** Ends it as a power failure would, and holds it down until `start`. `tears`: files, too. */
  crash({ tears = false } = {}): void {
    this.#isHeldDown = true;
    this.#death = undefined;
    this.#life?.end();
    this.#life = undefined;
    this.#files.crash({ tears });
  }

  revive(): void {
    this.#isHeldDown = false;
    if (this.#life === undefined) this.start();
  }

  async #run(life: Life): Promise<void> {
    const { env } = life;
    const { cluster, toCluster } = this.#options;
    const state = new KlusterletState(env.files, '/data');
    const config = await state.readConfig();
    if (config === undefined) throw new Error('the configuration is gone');
    const managed = life.transport(toCluster(cluster.dial(() => ({ user: clusterAdmin }))));
    await runAgentOfHubs(
      {
        hubs: await state.readHubs(),
        ...defaultAgentOptions,
        env,
        state,
        config,
        managed: createClient(managed, { userAgent: 'klusterlet' }),
        clientConfigs: [],
        dialHub: (address) => life.transport(this.#dialHub(address)),
        onProgress: () => undefined,
        ...this.#options.agent,
      },
      createStopController().signal,
    );
  }

  #dialHub({ server, credentials, token }: HubAddress): Transport {
    const { hubAt, toHub } = this.#options;
    const hub = hubAt?.(server) ?? this.#options.hub;
    return toHub(
      hub.dial(() => {
        if (credentials === undefined) return { ...(token !== undefined && { token }) };
        const current = credentials();
        return current === undefined
          ? {}
          : { clientCertificates: [fromPem('CERTIFICATE', current.certificatePem)] };
      }),
    );
  }
}

const clusterAdmin = { username: 'klusterlet', groups: ['system:masters', 'system:authenticated'] };
