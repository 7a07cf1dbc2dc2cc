/**
 * A whole fleet in one process: a hub and its klusterlets with their managed clusters, on a virtual clock, with seeded
 * chance, disks that forget and a network that fails. It can do to them whatever a scenario asks, and its observer
 * sees every durable change. Nothing here touches the real world.
 */
import { isConditionTrue, type KubeObject, type ManagedCluster, type ManifestWork } from '@flotilla/api';
import { approveCluster, bootstrapTokenSecret, createBootstrapToken } from '@flotilla/hub';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  createClient,
  generateKeyPair,
  type KubeClient,
  wellKnown,
} from '@flotilla/kube';
import {
  createSeededRandom,
  createSimulatedNetwork,
  createTestEnv,
  createVirtualClock,
  type SimulatedNetwork,
  type TestEnv,
  type VirtualClock,
} from '@flotilla/kube/testing';
import { createHubProcess } from './hub-process.js';
import { KlusterletProcess } from './klusterlet-process.js';
import { Observer } from './observer.js';
import { clusterLink, foreignNames, hubLink, type Scenario } from './scenario.js';
import { ServerProcess } from './server-process.js';
import { Tally } from './tally.js';

export interface FleetCluster {
  readonly name: string;
  readonly server: ServerProcess;
  readonly klusterlet: KlusterletProcess;
  /** Whoever else works in that cluster; its way in never fails but with the server. */
  readonly foreigner: KubeClient;
}

export interface Breach {
  readonly atMs: number;
  readonly promise: string;
  readonly what: string;
}

const admin = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };

/** Keys are not seeded, and take long to make: one set for all worlds of this process. */
let sharedPki: { readonly ca: CertificateAuthority; readonly serviceAccountKey: string } | undefined;

function makePki(clock: VirtualClock) {
  sharedPki ??= {
    ca: createCertificateAuthority({
      commonName: 'simulation',
      validityMs: 10 * 365 * 86_400_000,
      nowMs: clock.now(),
      random: createSeededRandom(0),
    }),
    serviceAccountKey: generateKeyPair().privateKeyPem,
  };
  return sharedPki;
}

export class World {
  readonly clock = createVirtualClock();
  readonly env: TestEnv;
  readonly network: SimulatedNetwork;
  readonly observer: Observer;
  readonly breaches: Breach[] = [];
  /** Faults that were injected, by kind. */
  readonly faults = new Tally();
  /** Judgements, by promise. */
  readonly checks = new Tally();
  readonly hub: ServerProcess;
  readonly clusters: readonly FleetCluster[];
  /** The user's way to the hub. */
  readonly user: KubeClient;

  constructor({ seed, clusters }: Pick<Scenario, 'seed' | 'clusters'>) {
    this.env = createTestEnv({ seed: seed + 1_000_000, clock: this.clock });
    this.network = createSimulatedNetwork({ clock: this.clock, random: this.env.random });
    this.observer = new Observer({
      nowMs: () => this.clock.monotonicMs(),
      onBreach: (promise, what) => this.breach(promise, what),
      onCheck: (promise) => this.checks.add(promise),
    });
    this.hub = this.#createHub();
    this.user = createClient(
      this.network.link(
        'user',
        this.hub.dial(() => ({ user: admin })),
      ),
    );
    this.clusters = clusters.map(({ name, minor }) => this.#createCluster(name, minor));
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
    const client = createClient(this.hub.dial(() => ({ user: admin })));
    return (await client.list<ManifestWork>(wellKnown.manifestWorks)).items;
  }

  /** Hub and clusters run, all klusterlets have joined and are available, the foreign objects are planted. */
  async start(): Promise<void> {
    this.hub.start();
    for (const { server } of this.clusters) server.start();
    await this.#until('all servers are ready', async () =>
      [this.hub, ...this.clusters.map(({ server }) => server)].every(({ isReady }) => isReady),
    );
    await Promise.all(this.clusters.map((cluster) => this.#plant(cluster)));
    for (const cluster of this.clusters) {
      const token = createBootstrapToken(this.env.random);
      const expiresAtMs = this.clock.now() + 86_400_000;
      const configured = cluster.klusterlet.configure(`${token.id}.${token.secret}`);
      await this.#whileTimePasses(configured);
      await this.#whileTimePasses(
        this.user.create(
          wellKnown.secrets,
          bootstrapTokenSecret(token, { expiresAtMs, cluster: cluster.name }),
        ),
      );
      cluster.klusterlet.start();
      await this.#approve(cluster.name);
    }
    for (const cluster of this.clusters) {
      await this.#until(
        `${cluster.name} is available`,
        async () => (await this.clusterProblems(cluster)).length === 0,
      );
    }
  }

  /** What the hub does not know, or not rightly, of a cluster that has joined. */
  async clusterProblems({ name, server }: FleetCluster): Promise<string[]> {
    const client = createClient(this.hub.dial(() => ({ user: admin })));
    const { status } = await client.get<ManagedCluster>(wellKnown.managedClusters, { name });
    const problems = ['ManagedClusterJoined', 'ManagedClusterConditionAvailable']
      .filter((type) => !isConditionTrue({ status: status ?? {} }, type))
      .map((type) => `${name}: ${type} is not true on the hub`);
    const version = status?.version?.kubernetes ?? 'no version';
    const isRight = version.startsWith(`v1.${server.minor}.`);
    return isRight ? problems : [...problems, `${name}: the hub says ${version}, it is 1.${server.minor}`];
  }

  restartHubAfter(downMs: number): void {
    this.hub.crash();
    this.clock.setTimer(downMs, () => this.hub.isRunning || this.hub.start());
  }

  restartClusterAfter({ server }: FleetCluster, downMs: number): void {
    server.crash();
    this.clock.setTimer(downMs, () => server.isRunning || server.start());
  }

  restartKlusterletAfter({ klusterlet }: FleetCluster, downMs: number): void {
    klusterlet.crash();
    this.clock.setTimer(downMs, () => klusterlet.revive());
  }

  /** All faults end, now. */
  mend(): void {
    this.network.healAll();
    this.network.setFaults({ loseRequest: 0, loseResponse: 0, breakStream: 0 });
    for (const server of [this.hub, ...this.clusters.map((cluster) => cluster.server)]) {
      if (!server.isRunning) server.start();
    }
    for (const { klusterlet } of this.clusters) klusterlet.revive();
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
      pki: makePki(this.clock),
      onEvent: (event) => this.observer.hearHub(event),
      onFailure: (error) => this.breach('start', `the hub: ${String(error)}`),
    });
  }

  #createCluster(name: string, minor: number): FleetCluster {
    const server = new ServerProcess({
      name,
      env: this.#envOf(name),
      profile: 'cluster',
      kubernetesVersion: { major: 1, minor, patch: 0 },
      pki: makePki(this.clock),
      onEvent: (event) => this.observer.hearCluster(name, event),
      onFailure: (error) => this.breach('start', `${name}: ${String(error)}`),
    });
    const klusterlet = new KlusterletProcess({
      clusterName: name,
      env: this.#envOf(`klusterlet-${name}`),
      hub: this.hub,
      hubCa: makePki(this.clock).ca.certificatePem,
      cluster: server,
      toHub: (transport) => this.network.link(hubLink(name), transport),
      toCluster: (transport) => this.network.link(clusterLink(name), transport),
      onExit: (error) => this.env.log.warn('klusterlet ended', { cluster: name, error: String(error) }),
    });
    const foreigner = createClient(server.dial(() => ({ user: { ...admin, username: 'foreigner' } })));
    return { name, server, klusterlet, foreigner };
  }

  #envOf(name: string): TestEnv {
    return { ...this.env, log: { ...this.env.log, ...this.env.log.child({ process: name }) } };
  }

  async #plant({ name, foreigner }: FleetCluster): Promise<void> {
    const view = this.observer.cluster(name);
    for (const each of foreignNames) {
      const object: KubeObject = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: each, namespace: 'default' },
        data: { owner: 'somebody else' },
      };
      const planted = await this.#whileTimePasses(foreigner.create(wellKnown.configMaps, object));
      view.foreign.set(planted.metadata.uid ?? '', {
        key: `/registry/core/configmaps/default/${each}`,
        mayChange: false,
      });
    }
  }

  /** An operator's word, once the klusterlet has asked. */
  async #approve(name: string): Promise<void> {
    const client = createClient(this.hub.dial(() => ({ user: admin })));
    const deadlineMs = this.clock.monotonicMs() + 120_000;
    const options = { env: this.env, deadlineMs, note: () => undefined };
    await this.#whileTimePasses(approveCluster(client, name, options));
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
