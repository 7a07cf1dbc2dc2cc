/**
 * A whole fleet in one process: a hub and its klusterlets with their managed clusters, on a virtual clock, with seeded
 * chance, disks that forget and a network that fails. It can do to them whatever a scenario asks, and its observer
 * sees every durable change. Nothing here touches the real world.
 */
import { isConditionTrue, type ManagedCluster, type ManifestWork } from '@flotilla/api';
import { type Clock, createClient, type KubeClient, type Transport, wellKnown } from '@flotilla/kube';
import {
  createSimulatedNetwork,
  createTestEnv,
  createVirtualClock,
  type SimulatedNetwork,
  type TestEnv,
} from '@flotilla/kube/testing';
import { withApiFaults } from './api-faults.js';
import { createFleetCluster, type FleetCluster, plantForeign } from './fleet-cluster.js';
import { createHubProcess } from './hub-process.js';
import type { KlusterletProcess } from './klusterlet-process.js';
import { FleetModel } from './model/fleet-model.js';
import { Observer } from './observer.js';
import { Operator } from './operator.js';
import { type NodeName, type Scenario, userLink } from './scenario.js';
import type { ServerProcess } from './server-process.js';
import { simulatedPki } from './simulated-pki.js';
import { Tally } from './tally.js';

export interface Breach {
  readonly atMs: number;
  readonly promise: string;
  readonly what: string;
}

const admin = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };

/** A certificate lives a year, and can be renewed for another one. */
const longestSleepMs = 700 * 86_400_000;

/** By which a clock can be wrong. Certificates are told to be good while that of the hub is wrong by less than an hour. */
const mostSkewMs = 12 * 3_600_000;
const mostHubSkewMs = 50 * 60_000;

export class World {
  readonly clock = createVirtualClock();
  readonly env: TestEnv;
  readonly network: SimulatedNetwork;
  readonly observer: Observer;
  /** What the hub must say and the clusters must hold; told by whoever does something to them. */
  readonly model: FleetModel;
  readonly breaches: Breach[] = [];
  /** Faults that were injected, by kind. */
  readonly faults = new Tally();
  /** Judgements, by promise. */
  readonly checks = new Tally();
  readonly hub: ServerProcess;
  readonly clusters: readonly FleetCluster[];
  /** The user's way to the hub. */
  readonly user: KubeClient;
  /** Whoever runs the hub; their way to it never fails but with the hub. */
  readonly operator: Operator;

  constructor({ seed, clusters }: Pick<Scenario, 'seed' | 'clusters'>) {
    this.env = createTestEnv({ seed: seed + 1_000_000, clock: this.clock });
    this.model = new FleetModel(clusters);
    this.network = createSimulatedNetwork({ clock: this.clock, random: this.env.random });
    this.observer = new Observer({
      nowMs: () => this.clock.monotonicMs(),
      onBreach: (promise, what) => this.breach(promise, what),
      onCheck: (promise) => this.checks.add(promise),
      mayWrite: (token, key) => this.model.editions.mayWrite(token, key),
      mayBeDone: (token) => this.model.editions.mayBeDone(token),
      hasSaved: (cluster, token) => this.cluster(cluster).klusterlet.hasSaved(token),
    });
    this.hub = this.#createHub();
    this.user = createClient(
      this.network.link(
        userLink,
        this.hub.dial(() => ({ user: admin })),
      ),
    );
    this.clusters = clusters.map(({ name, minor }) => this.#createCluster(name, minor));
    this.operator = new Operator(this);
  }

  /** The hub's API as its administrator has it. */
  adminClient(): KubeClient {
    return createClient(this.hub.dial(() => ({ user: admin })));
  }

  /** What has a disk, a clock and a life of its own, by its name. */
  node(name: NodeName): ServerProcess | KlusterletProcess {
    if (name === 'hub') return this.hub;
    const klusterlet = name.startsWith('klusterlet-') ? name.slice('klusterlet-'.length) : undefined;
    return klusterlet === undefined ? this.cluster(name).server : this.cluster(klusterlet).klusterlet;
  }

  server(name: NodeName): ServerProcess {
    return name === 'hub' ? this.hub : this.cluster(name).server;
  }

  /** Links that are slow or narrow: what must be prompt otherwise need not be so now. */
  readonly impaired = new Set<string>();
  readonly #outages = new Map<string, number>();
  #sleptMs = 0;

  /** The cluster or its klusterlet is not well, until now or (virtual ms from now) later. */
  noteOutage(cluster: string, forMs = 0): void {
    this.#outages.set(cluster, Math.max(this.lastOutageMs(cluster), this.clock.monotonicMs() + forMs));
  }

  lastOutageMs(cluster: string): number {
    return this.#outages.get(cluster) ?? Number.NEGATIVE_INFINITY;
  }

  breach(promise: string, what: string): void {
    this.breaches.push({ atMs: Math.round(this.clock.monotonicMs()), promise, what });
  }

  cluster(name: string): FleetCluster {
    const found = this.clusters.find((cluster) => cluster.name === name);
    if (found === undefined) throw new Error(`there is no cluster ${name}`);
    return found;
  }

  /** A look at the hub through its own API; only while it is ready. */
  async listWorks(): Promise<readonly ManifestWork[]> {
    const client = this.adminClient();
    return (await client.list<ManifestWork>(wellKnown.manifestWorks)).items;
  }

  /** Hub and clusters run, all klusterlets have joined and are available, the foreign objects are planted. */
  async start(): Promise<void> {
    this.hub.start();
    for (const { server } of this.clusters) server.start();
    await this.#until('all servers are ready', async () =>
      [this.hub, ...this.clusters.map(({ server }) => server)].every(({ isReady }) => isReady),
    );
    for (const cluster of this.clusters) await this.#whileTimePasses(this.plant(cluster));
    for (const cluster of this.clusters) await this.#whileTimePasses(this.operator.join(cluster));
    for (const cluster of this.clusters) {
      await this.#until(
        `${cluster.name} is available`,
        async () => (await this.clusterProblems(cluster)).length === 0,
      );
    }
  }

  /** What the hub does not know, or not rightly, of a cluster that has joined. */
  async clusterProblems({ name }: FleetCluster): Promise<string[]> {
    const client = this.adminClient();
    const { items } = await client.list<ManagedCluster>(wellKnown.managedClusters);
    const known = items.find(({ metadata }) => metadata.name === name);
    if (known === undefined) return [`${name}: the hub does not know it`];
    const { status, metadata } = known;
    const label = metadata.labels?.['sim.example/label'];
    const problems = ['ManagedClusterJoined', 'ManagedClusterConditionAvailable']
      .filter((type) => !isConditionTrue({ status: status ?? {} }, type))
      .map((type) => `${name}: ${type} is not true on the hub`);
    const version = status?.version?.kubernetes ?? 'no version';
    const { minor } = this.model.cluster(name);
    if (!version.startsWith(`v1.${minor}.`))
      problems.push(`${name}: the hub says ${version}, it is 1.${minor}`);
    if (!this.model.hub.mayBeLabelled(name, label))
      problems.push(`${name}: its label on the hub is ${label}`);
    return problems;
  }

  restartAfter(server: ServerProcess, downMs: number): void {
    if (server.isBeingReplaced) return;
    server.crash();
    if (server !== this.hub) this.noteOutage(server.name, downMs);
    this.clock.setTimer(downMs, () => server.isRunning || server.isBeingReplaced || server.start());
  }

  restartKlusterletAfter(
    { name, klusterlet }: FleetCluster,
    { downMs, tears }: { downMs: number; tears: boolean },
  ): void {
    if (this.operator.isAbsent(name)) return;
    klusterlet.crash({ tears });
    this.noteOutage(name, downMs);
    this.clock.setTimer(downMs, () => this.operator.isAbsent(name) || klusterlet.revive());
  }

  /** Goes on beside the steps; that it fails is a defect of the simulation. */
  inBackground(doing: Promise<void>): void {
    doing.catch((error: unknown) => this.breach('run', `an operator failed: ${String(error)}`));
  }

  /** Virtual time that somebody lived through. */
  get livedMs(): number {
    return this.clock.monotonicMs() - this.#sleptMs;
  }

  /**
   * All machines sleep: afterwards everything that was due is late. In all for less than two years, after which a
   * certificate that nobody could renew between two sleeps cannot be renewed any more.
   */
  sleep(forMs: number): void {
    if (this.#sleptMs + forMs > longestSleepMs) return;
    this.#sleptMs += forMs;
    this.clock.jump(forMs);
    for (const { name } of this.clusters) this.noteOutage(name);
  }

  /** Its clock is not where it was, from one moment to the next. */
  jumpClock(name: NodeName, byMs: number): void {
    const node = this.node(name);
    const mostMs = name === 'hub' ? mostHubSkewMs : mostSkewMs;
    node.skewMs = Math.max(-mostMs, Math.min(mostMs, node.skewMs + byMs));
  }

  /** All faults end, now. */
  mend(): void {
    this.network.healAll();
    this.impaired.clear();
    const wire = { latencyMs: [1, 5] as const, bytesPerSecond: 0, readPieceMs: 0 };
    this.network.setFaults({ loseRequest: 0, loseResponse: 0, breakStream: 0, ...wire });
    for (const server of [this.hub, ...this.clusters.map((cluster) => cluster.server)]) {
      server.trouble = undefined;
      server.crashAfter(Number.POSITIVE_INFINITY, () => undefined);
      server.diskFault = 'none';
      server.skewMs = 0;
      if (!server.isRunning && !server.isBeingReplaced) server.start();
    }
    for (const cluster of this.clusters) {
      const { klusterlet } = cluster;
      cluster.ambush = undefined;
      klusterlet.diskFault = 'none';
      klusterlet.skewMs = 0;
      klusterlet.dieAfter(Number.POSITIVE_INFINITY, () => undefined);
      if (!this.operator.isAbsent(cluster.name)) klusterlet.revive();
    }
  }

  close(): void {
    for (const { klusterlet } of this.clusters) klusterlet.crash();
    for (const { server } of this.clusters) server.crash();
    this.hub.crash();
  }

  #createHub(): ServerProcess {
    return createHubProcess({
      name: 'hub',
      env: this.#envOf('hub'),
      pki: simulatedPki(this.clock),
      troubled: (server, transport, clock) => this.#troubled(server, transport, clock),
      onEvent: (event) => this.observer.hearHub(event),
      onFailure: (error) => this.breach('start', `the hub: ${String(error)}`),
    });
  }

  #createCluster(name: string, minor: number): FleetCluster {
    return createFleetCluster({
      name,
      minor,
      pki: simulatedPki(this.clock),
      hub: this.hub,
      network: this.network,
      envOf: (process) => this.#envOf(process),
      troubled: (server, transport) => this.#troubled(server, transport),
      onEvent: (event) => this.observer.hearCluster(name, event),
      onFailure: (error) => this.breach('start', `${name}: ${String(error)}`),
      onExit: (error) => {
        this.noteOutage(name, 5000);
        this.env.log.warn('klusterlet ended', { cluster: name, error: String(error) });
      },
    });
  }

  #troubled(server: ServerProcess, transport: Transport, clock: Clock = this.clock): Transport {
    return withApiFaults(transport, {
      clock,
      random: this.env.random,
      trouble: () => server.trouble,
      onInjected: (fault) => this.faults.add(`answers: ${fault}`),
    });
  }

  #envOf(name: string): TestEnv {
    return { ...this.env, log: { ...this.env.log, ...this.env.log.child({ process: name }) } };
  }

  /** The objects of somebody else. */
  plant(cluster: Pick<FleetCluster, 'name' | 'foreigner'>): Promise<void> {
    const { name } = cluster;
    return plantForeign(cluster, { view: this.observer.cluster(name), model: this.model.cluster(name) });
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const endMs = this.clock.monotonicMs() + 300_000;
    while (!(await holds())) {
      if (this.clock.monotonicMs() > endMs) throw new Error(`not reached: ${what}`);
      await this.clock.advance(20);
    }
  }

  async #whileTimePasses<T>(promise: Promise<T>): Promise<T> {
    let isDone = false;
    const done = promise.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined); // awaited below
    await this.clock.settle();
    while (!isDone) await this.clock.advance(1);
    return done;
  }
}
