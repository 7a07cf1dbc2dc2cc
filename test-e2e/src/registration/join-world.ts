/**
 * Hubs and one managed cluster with its klusterlet, as simulated processes with real certificates and rules, on a
 * virtual clock. For tests of how an agent joins, reports, moves and comes back.
 */
import { clusterCondition, findCondition, type ManagedCluster } from '@flotilla/api';
import { approveCluster, bootstrapTokenSecret, createBootstrapToken } from '@flotilla/hub';
import type { AgentOptions } from '@flotilla/klusterlet';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  createClient,
  generateKeyPair,
  type KubeClient,
  wellKnown,
} from '@flotilla/kube';
import { createSeededRandom, createTestEnv, createVirtualClock, type TestEnv } from '@flotilla/kube/testing';
import { createHubProcess } from '../simulation/hub-process.js';
import { KlusterletProcess } from '../simulation/klusterlet-process.js';
import { ServerProcess } from '../simulation/server-process.js';

export const clusterName = 'c1';
const admin = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };

export interface Hub {
  readonly process: ServerProcess;
  readonly client: KubeClient;
  readonly ca: CertificateAuthority;
}

export interface JoinWorldOptions {
  readonly agent?: Partial<AgentOptions>;
  /** How many; default 1. */
  readonly hubs?: number;
}

export class JoinWorld {
  readonly clock = createVirtualClock();
  readonly env: TestEnv = createTestEnv({ seed: 1, clock: this.clock });
  readonly hubs: readonly Hub[];
  readonly cluster: ServerProcess;
  readonly managed: KubeClient;
  readonly klusterlet: KlusterletProcess;
  readonly failures: unknown[] = [];
  /** Why the klusterlet ended by itself. */
  readonly exits: string[] = [];

  constructor({ agent, hubs: count = 1 }: JoinWorldOptions = {}) {
    const { env, clock } = this;
    const serviceAccountKey = generateKeyPair().privateKeyPem;
    const common = {
      env,
      onEvent: () => undefined,
      onFailure: (error: unknown) => this.failures.push(error),
    };
    this.hubs = Array.from({ length: count }, (_, index) => {
      const ca = createCertificateAuthority({
        commonName: `hub ${index + 1}`,
        validityMs: 10 * 365 * 86_400_000,
        nowMs: clock.now(),
        random: createSeededRandom(index),
      });
      const process = createHubProcess({
        ...common,
        name: `hub${index + 1}`,
        pki: { ca, serviceAccountKey },
      });
      return { process, ca, client: createClient(process.dial(() => ({ user: admin }))) };
    });
    const { ca, process: hub } = this.hub;
    this.cluster = new ServerProcess({
      ...common,
      name: clusterName,
      profile: 'cluster',
      kubernetesVersion: { major: 1, minor: 32, patch: 0 },
      pki: { ca, serviceAccountKey },
    });
    this.managed = createClient(this.cluster.dial(() => ({ user: admin })));
    this.klusterlet = new KlusterletProcess({
      clusterName,
      env,
      hub,
      hubAt: (server) => {
        const found = this.hubs.find(({ process }) => process.url === server);
        if (found === undefined) throw new Error(`there is no hub at ${server}`);
        return found.process;
      },
      hubCa: ca.certificatePem,
      cluster: this.cluster,
      toHub: (transport) => transport,
      toCluster: (transport) => transport,
      onExit: (error) => this.exits.push(String(error)),
      ...(agent && { agent }),
    });
  }

  /** The first. */
  get hub(): Hub {
    const [first] = this.hubs;
    if (first === undefined) throw new Error('a world has a hub');
    return first;
  }

  async start(): Promise<void> {
    for (const { process } of this.hubs) process.start();
    this.cluster.start();
    await this.until('all servers are ready', async () =>
      [this.cluster, ...this.hubs.map(({ process }) => process)].every(({ isReady }) => isReady),
    );
  }

  /** The klusterlet runs with a token of the hub. */
  async join(): Promise<void> {
    await this.passing(this.klusterlet.configure(await this.token(this.hub)));
    this.klusterlet.start();
  }

  async joined(hub = this.hub): Promise<void> {
    await this.approve(hub);
    await this.untilAvailable(hub);
  }

  /** Good for as long as the world stands, for this cluster. */
  async token({ client }: Hub): Promise<string> {
    const token = createBootstrapToken(this.env.random);
    const expiresAtMs = this.clock.now() + 10 * 365 * 86_400_000;
    const secret = bootstrapTokenSecret(token, { expiresAtMs, cluster: clusterName });
    await this.passing(client.create(wellKnown.secrets, secret));
    return `${token.id}.${token.secret}`;
  }

  async approve({ client }: Hub): Promise<void> {
    const deadlineMs = this.clock.monotonicMs() + 120_000;
    await this.passing(
      approveCluster(client, clusterName, { env: this.env, deadlineMs, note: () => undefined }),
    );
  }

  untilAvailable(hub = this.hub): Promise<void> {
    return this.until(`available on ${hub.process.name}`, async () => {
      const { status } = await this.seen(hub);
      return ['ManagedClusterJoined', clusterCondition.available].every(
        (type) => findCondition(status?.conditions, type)?.status === 'True',
      );
    });
  }

  /** The ManagedCluster as the hub has it. */
  seen({ client } = this.hub): Promise<ManagedCluster> {
    return this.passing(client.get<ManagedCluster>(wellKnown.managedClusters, { name: clusterName }));
  }

  /** A file of the klusterlet's; empty when there is none. */
  async file(name: string): Promise<string> {
    return Buffer.from((await this.klusterlet.files.read(`/data/${name}`)) ?? []).toString();
  }

  async passing<T>(promise: Promise<T>): Promise<T> {
    let isDone = false;
    const done = promise.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined); // awaited below
    await this.clock.settle();
    while (!isDone) await this.clock.advance(1);
    return done;
  }

  async until(what: string, holds: () => Promise<boolean>, limitMs = 600_000): Promise<void> {
    const endMs = this.clock.monotonicMs() + limitMs;
    while (!(await this.passing(holds()).catch(() => false))) {
      if (this.clock.monotonicMs() > endMs) {
        const failed = this.failures.length > 0 ? `; failed: ${this.failures.join(', ')}` : '';
        const log = this.env.log.entries
          .slice(-12)
          .map((entry) => JSON.stringify(entry))
          .join('\n');
        throw new Error(
          `not reached: ${what}${failed}; ended: ${this.exits.slice(-2).join(', ')}; log:\n${log}`,
        );
      }
      await this.clock.advance(100);
    }
  }

  close(): void {
    this.klusterlet.crash();
    for (const server of [this.cluster, ...this.hubs.map(({ process }) => process)]) server.crash();
  }
}
