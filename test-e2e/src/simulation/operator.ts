/**
 * Whoever runs the hub and the clusters: lets clusters in, revokes and lets in again, removes, leaves and comes back, builds
 * clusters anew, restores the hub from a back-up, confirms deletions that klusterlets hold. What fails on the way is
 * done again until it is done. Called by the world and by the run of a scenario.
 */
import {
  clusterCondition,
  confirmDeletionAnnotation,
  findCondition,
  type KubeObject,
  type ManagedCluster,
} from '@flotilla/api';
import {
  type AgentKey,
  agentKeysOf,
  approveCluster,
  bootstrapTokenSecret,
  createBootstrapToken,
  revokeAgents,
} from '@flotilla/hub';
import { fromPem, parseCertificate, type ResourceRef, sleep, wellKnown } from '@flotilla/kube';
import type { FleetCluster } from './fleet-cluster.js';
import type { HubSnapshot } from './model/hub-model.js';
import type { Backup } from './server-process.js';
import { tryRevoked } from './thief.js';
import { judgeWorks } from './user.js';
import type { World } from './world.js';

const retryMs = 3000;
const approvalMs = 20_000;
/** For which a join string is good. */
const tokenMs = 30 * 86_400_000;
/** The hub clears a request away an hour after it was granted, and with it ends the token that it was made with. */
const requestMs = 2 * 3_600_000;
/** By which the hub dates certificates back. */
const backdateMs = 5 * 60_000;

export interface Leaving {
  readonly awayMs: number;
  readonly keepWorkloads: boolean;
  /** Called before it begins to delete or disown what works have applied; again if it has to begin again. */
  readonly leaves: () => void;
  readonly comesBack: () => void;
}

interface Invitation {
  readonly isIn: () => Promise<boolean>;
  readonly invite: (token: string) => Promise<void>;
  /** When its last token began to be made: by the time that it is there, time may have gone on by a year. */
  readonly invitedMs: number;
}

export class Operator {
  readonly #world: World;
  /** Clusters that an operator is at work with. */
  readonly #busy = new Set<string>();
  /** Of them those that only the hub is told something about: nothing is done to their klusterlet. */
  readonly #remote = new Set<string>();
  /** Clusters whose klusterlet is not there at present, on purpose. */
  readonly #absent = new Set<string>();
  #backup: { readonly store: Backup; readonly model: HubSnapshot } | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  isBusyWith(cluster: string): boolean {
    return this.#busy.has(cluster);
  }

  /** Something is done to its klusterlet. */
  disturbs(cluster: string): boolean {
    return this.#busy.has(cluster) && !this.#remote.has(cluster);
  }

  /** Nobody else is to start its klusterlet. */
  isAbsent(cluster: string): boolean {
    return this.#absent.has(cluster);
  }

  /** For a cluster that is new, or whose klusterlet has nothing any more. */
  async join(cluster: FleetCluster): Promise<void> {
    const { klusterlet } = cluster;
    const invitedMs = this.#world.clock.monotonicMs();
    await this.#untilDone(async () => {
      await klusterlet.configure(await this.#newToken(cluster));
    });
    this.#absent.delete(cluster.name);
    if (!klusterlet.isRunning) klusterlet.revive();
    await this.#approve(cluster, {
      isIn: () => klusterlet.hasJoined(),
      invite: (token) => klusterlet.giveToken(token),
      invitedMs,
    });
  }

  /** Voids its certificates, and after a while gives it a token to come in again. */
  async revoke(cluster: FleetCluster, awayMs: number): Promise<void> {
    await this.#alone(cluster, () => this.#revokeAndInvite(cluster, awayMs));
  }

  /** `former`: keys of a cluster that the hub does not know any more. */
  async #revokeAndInvite(cluster: FleetCluster, awayMs: number, former?: readonly AgentKey[]): Promise<void> {
    const { clock, hub } = this.#world;
    const before = (await cluster.klusterlet.credentials())?.certificatePem;
    let isVoid = (_certificatePem: string): boolean => true;
    let mustBeRefused = false;
    await this.#untilDone(async () => {
      const client = this.#world.adminClient();
      const key = { name: cluster.name };
      const known = former ?? agentKeysOf(await client.get<ManagedCluster>(wellKnown.managedClusters, key));
      const options = { cluster: cluster.name, nowMs: clock.now() + hub.skewMs, former: known };
      const { fromMs, keys } = await revokeAgents(client, options);
      isVoid = (pem) => datedMs(pem) < fromMs || keys.has(keyOf(pem));
      // A restored hub may have dated one later that it knows nothing of.
      const isKnown = before !== undefined && known.some(({ hash }) => hash === keyOf(before));
      mustBeRefused = before !== undefined && (isKnown || datedMs(before) < fromMs);
    });
    await sleep(clock, Math.max(1000, awayMs));
    if (before !== undefined && mustBeRefused) await tryRevoked(this.#world, cluster, before);
    const { klusterlet } = cluster;
    const invite = (token: string): Promise<void> => klusterlet.giveToken(token);
    const invitedMs = clock.monotonicMs();
    await this.#untilDone(async () => invite(await this.#newToken(cluster)));
    const isIn = async (): Promise<boolean> => {
      const now = (await klusterlet.credentials())?.certificatePem;
      return now !== undefined && !isVoid(now) && (await this.#world.clusterProblems(cluster)).length === 0;
    };
    await this.#approve(cluster, { isIn, invite, invitedMs });
  }

  /** As `hub clusters remove`; after a while it is given a new token. */
  async remove(cluster: FleetCluster, awayMs: number): Promise<void> {
    await this.#alone(cluster, async () => {
      const { name } = cluster;
      this.#backup = undefined; // the cluster of that time is not the one that joins then
      await this.#clearing(cluster, async () => {
        const keys = new Map<string, AgentKey>();
        await this.#delete(wellKnown.managedClusters, name, (seen) => {
          for (const key of agentKeysOf(seen)) keys.set(key.hash, key);
        });
        this.#world.model.hub.forgetLabel(name);
        await this.#revokeAndInvite(cluster, awayMs, [...keys.values()]);
      });
    });
  }

  /** As `kubectl delete namespace`; the hub makes it anew, in its own time. */
  async wipeNamespace(cluster: FleetCluster): Promise<void> {
    await this.#alone(cluster, async () => {
      this.#remote.add(cluster.name);
      await this.#clearing(cluster, () => this.#delete(wellKnown.namespaces, cluster.name));
      this.#remote.delete(cluster.name);
    });
  }

  /** All works of the cluster go with what `act` removes; it looks at the last of them. */
  async #clearing({ name }: FleetCluster, act: () => Promise<void>): Promise<void> {
    const { model } = this.#world;
    model.hub.clear(name, true);
    await act();
    await this.#untilDone(async () => judgeWorks(this.#world, await this.#world.listWorks()));
    model.hub.clear(name, false);
  }

  /** Until it is gone, or another one is in its place. */
  async #delete(
    ref: ResourceRef,
    name: string,
    onSeen: (object: KubeObject) => void = () => undefined,
  ): Promise<void> {
    let uid: string | undefined;
    await this.#untilDone(async () => {
      const client = this.#world.adminClient();
      const { items } = await client.list<KubeObject>(ref, { metadataOnly: true });
      const found = items.find(({ metadata }) => metadata.name === name);
      uid ??= found?.metadata.uid;
      if (found === undefined || found.metadata.uid !== uid) return;
      onSeen(found);
      if (found.metadata.deletionTimestamp === undefined) await client.delete(ref, { name });
      throw new Error('not gone yet');
    });
  }

  /** As `hub deny`, and after a while `hub approve`; the klusterlet need not join again. */
  async deny(cluster: FleetCluster, awayMs: number): Promise<void> {
    await this.#alone(cluster, async () => {
      const { name } = cluster;
      const accept = (hubAcceptsClient: boolean): Promise<void> =>
        this.#untilDone(async () => {
          const body = { spec: { hubAcceptsClient } };
          const client = this.#world.adminClient();
          await client.patch(wellKnown.managedClusters, { name }, { type: 'merge', body });
        });
      this.#remote.add(name);
      await accept(false);
      await sleep(this.#world.clock, Math.max(1000, awayMs));
      await accept(true);
      this.#remote.delete(name);
    });
  }

  async leave(cluster: FleetCluster, { awayMs, keepWorkloads, leaves, comesBack }: Leaving): Promise<void> {
    await this.#alone(cluster, async () => {
      const { klusterlet, foreigner } = cluster;
      this.#absent.add(cluster.name);
      klusterlet.crash();
      await this.#untilDone(async () => {
        leaves();
        await klusterlet.leave(foreigner, { keepWorkloads });
      });
      await sleep(this.#world.clock, awayMs);
      comesBack();
      await this.join(cluster);
    });
  }

  /** The managed cluster burns down; another one of its name joins. */
  async rebuild(
    cluster: FleetCluster,
    { downMs, lost }: { downMs: number; lost: () => void },
  ): Promise<void> {
    await this.#alone(cluster, async () => {
      const { server, klusterlet } = cluster;
      server.isBeingReplaced = true;
      this.#absent.add(cluster.name);
      klusterlet.crash();
      server.crash();
      klusterlet.wipe();
      lost();
      await server.replaceStore(undefined);
      this.#backup = undefined; // who joined is not in it
      await sleep(this.#world.clock, downMs);
      server.isBeingReplaced = false;
      server.start();
      await this.#untilDone(async () => {
        if (!server.isReady) throw new Error('not ready yet');
        await this.#world.plant(cluster);
      });
      await this.join(cluster);
    });
  }

  async backUpHub(): Promise<void> {
    if (!this.#world.hub.canTell || this.#busy.size > 0) return;
    const store = await this.#world.hub.backUp();
    this.#backup = { store, model: this.#world.model.hub.snapshot() };
  }

  /** False: there is no back-up. */
  async restoreHub(downMs: number): Promise<boolean> {
    const { hub, clock, observer, model } = this.#world;
    if (this.#backup === undefined || hub.isBeingReplaced || this.#busy.size > 0) return false;
    const { store, model: then } = this.#backup;
    hub.crash();
    hub.isBeingReplaced = true;
    await hub.replaceStore(store);
    observer.restoreHub(store);
    model.hub.restore(then);
    clock.setTimer(downMs, () => {
      hub.isBeingReplaced = false;
      if (!hub.isRunning) hub.start();
    });
    return true;
  }

  /** An operator who has looked into it says: yes, these works are gone. */
  async confirmHeldDeletions(): Promise<void> {
    if (!this.#world.hub.isReady) return;
    const client = this.#world.adminClient();
    const { items } = await client.list<ManagedCluster>(wellKnown.managedClusters);
    for (const { status, metadata } of items) {
      const { name = '' } = metadata;
      const held = findCondition(status?.conditions, clusterCondition.deletionHeld);
      const id = held?.status === 'True' ? /^hold ([0-9a-f]+):/.exec(held.message)?.[1] : undefined;
      if (id === undefined || metadata.annotations?.[confirmDeletionAnnotation] === id) continue;
      const body = { metadata: { annotations: { [confirmDeletionAnnotation]: id } } };
      await client.patch(wellKnown.managedClusters, { name }, { type: 'merge', body });
    }
  }

  async #newToken({ name }: FleetCluster): Promise<string> {
    const { env, clock } = this.#world;
    const token = createBootstrapToken(env.random);
    const expiresAtMs = clock.now() + tokenMs;
    await this.#world
      .adminClient()
      .create(wellKnown.secrets, bootstrapTokenSecret(token, { expiresAtMs, cluster: name }));
    return `${token.id}.${token.secret}`;
  }

  /** Says yes to what the cluster asks, until it is in; gives it another token when the last one is over. */
  async #approve(cluster: FleetCluster, { isIn, invite, invitedMs }: Invitation): Promise<void> {
    const { env, clock } = this.#world;
    const { name } = cluster;
    let sinceMs = invitedMs;
    await this.#untilDone(async () => {
      if (await isIn()) return;
      const nowMs = clock.monotonicMs();
      const passedMs = nowMs - sinceMs;
      if (passedMs > tokenMs || (passedMs > requestMs && (await cluster.klusterlet.isTokenRefused()))) {
        await invite(await this.#newToken(cluster));
        sinceMs = nowMs;
      }
      const deadlineMs = clock.monotonicMs() + approvalMs;
      await approveCluster(this.#world.adminClient(), name, { env, deadlineMs, note: () => undefined });
      throw new Error('not in yet');
    });
  }

  async #alone(cluster: FleetCluster, act: () => Promise<void>): Promise<void> {
    if (this.#busy.has(cluster.name)) return;
    this.#busy.add(cluster.name);
    try {
      await act();
    } finally {
      this.#busy.delete(cluster.name);
    }
  }

  async #untilDone(act: () => Promise<void>): Promise<void> {
    for (let pauseMs = 20; ; pauseMs = Math.min(retryMs, pauseMs * 2)) {
      try {
        return await act();
      } catch (error) {
        this.#world.env.log.debug('the operator tries again', { error });
        await sleep(this.#world.clock, pauseMs);
      }
    }
  }
}

function keyOf(certificatePem: string): string {
  return parseCertificate(fromPem('CERTIFICATE', certificatePem)).publicKeyHash;
}

/** When the certificate was issued, by the hub's clock. */
function datedMs(certificatePem: string): number {
  return parseCertificate(fromPem('CERTIFICATE', certificatePem)).notBeforeMs + backdateMs;
}
