/**
 * Somebody who changes and deletes objects behind the system's back, and the watch over how soon that is corrected
 * (P7: also while the hub is away). Time during which the klusterlet or its cluster is down does not count.
 */
import { type KubeObject, StatusError } from '@flotilla/api';
import { TransportError } from '@flotilla/kube';
import { disturb } from './disturb.js';
import type { FleetCluster } from './fleet-cluster.js';
import { isFieldDrift, isSpoiled } from './foreign-fields.js';
import { tokenOf } from './items.js';
import { clusterLink, type Drift } from './scenario.js';
import { holds } from './user.js';
import type { World } from './world.js';

interface Open {
  readonly cluster: string;
  readonly key: string;
  readonly drift: Drift;
  /** The uid of the inventory that owned the object. */
  readonly owner: string;
  readonly uid: string;
  readonly token: string;
  /** Of all drifts. */
  readonly number: number;
  sinceMs: number;
  limitMs: number;
}

type Found = Pick<Open, 'cluster' | 'key' | 'drift' | 'owner' | 'uid' | 'token' | 'number'>;

/** Corrected at once if nothing else is going on. */
const promptMs = 5_000;
/** After an outage: watches come back after a backoff of 30 s at most. */
const afterOutageMs = 90_000;
/** The pace of corrections of an object that somebody keeps changing back. */
const limitedMs = 300_000;
const strikesMs = 600_000;

export class Drifts {
  readonly #world: World;
  #open: Open[] = [];
  readonly #strikes = new Map<string, number[]>();
  /** What objects were before, by the token of the drift. */
  readonly #editions = new Map<string, string>();
  #count = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Changes the picked one of the objects that works hold; nothing when there is none. */
  async commit(cluster: FleetCluster, drift: Drift, pick: number): Promise<string> {
    const candidates = this.#candidates(cluster.name);
    return this.#commitAt(cluster, drift, candidates[pick % Math.max(1, candidates.length)]);
  }

  /** The same to the object of a path, if it is one that works hold or are about to correct; false when it is not. */
  async ambush(cluster: FleetCluster, drift: Drift, path: string): Promise<boolean> {
    const edited = this.#open.filter((open) => open.cluster === cluster.name && open.drift === 'edit');
    const candidates = [...this.#candidates(cluster.name), ...edited.map(({ key }) => key)];
    const key = candidates.find((each) => isPathOf(path, each));
    if (key === undefined) return false;
    await this.#commitAt(cluster, drift, key);
    return true;
  }

  /** The cluster is another one now. */
  forget(cluster: string): void {
    this.#open = this.#open.filter((open) => open.cluster !== cluster);
  }

  async #commitAt(cluster: FleetCluster, drift: Drift, key: string | undefined): Promise<string> {
    const object = key === undefined ? undefined : this.#objectOf(cluster.name, key);
    if (key === undefined || object === undefined) return 'nothing to change';
    const { uid = '', ownerReferences = [] } = object.metadata;
    const owner = ownerReferences.find(({ kind }) => kind === 'AppliedManifestWork')?.uid ?? '';
    const number = ++this.#count;
    const token = `drift.${number}`;
    const before = tokenOf(object) ?? '';
    this.#editions.set(token, this.#editions.get(before) ?? before);
    if (drift === 'disown') this.#world.model.cluster(cluster.name).disowned(key, uid);
    if (drift === 'delete' || drift === 'replace') this.#world.observer.cluster(cluster.name).doomed.add(uid);
    try {
      await disturb(this.#world, cluster, { key, object, drift, number });
    } catch (error) {
      if (!(error instanceof StatusError || error instanceof TransportError)) throw error;
      return `${key}: ${error.message}`;
    }
    const isOurs = drift !== 'count' && drift !== 'add field';
    if (isOurs) this.#watch({ cluster: cluster.name, key, drift, owner, uid, token, number });
    return key;
  }

  /** What is not corrected in time is a breach. Call often. */
  judge(): void {
    const nowMs = this.#world.clock.monotonicMs();
    for (const cluster of this.#world.clusters) {
      const { name, server, klusterlet } = cluster;
      const isWell =
        server.isReady &&
        server.trouble === undefined &&
        server.diskFault === 'none' &&
        klusterlet.isRunning &&
        klusterlet.diskFault === 'none' &&
        !this.#world.operator.disturbs(name) &&
        !this.#world.impaired.has(clusterLink(name)) &&
        !this.#world.network.isCut(clusterLink(name));
      if (!isWell) this.#world.noteOutage(name);
    }
    this.#open = this.#open.filter((open) => {
      this.#world.checks.add('P7');
      if (this.#isCorrected(open)) return false;
      const outageMs = this.#world.lastOutageMs(open.cluster);
      const isFresh = outageMs < open.sinceMs - afterOutageMs;
      const dueMs = isFresh
        ? open.sinceMs + open.limitMs
        : Math.max(open.sinceMs, outageMs) + Math.max(afterOutageMs, open.limitMs);
      if (nowMs <= dueMs) return true;
      const lateMs = Math.round(nowMs - open.sinceMs);
      this.#world.breach(
        'P7',
        `${open.cluster} ${open.key}: ${open.drift} is not corrected after ${lateMs} ms`,
      );
      return false;
    });
  }

  #candidates(cluster: string): string[] {
    const { objects } = this.#world.observer.cluster(cluster);
    return [...objects]
      .filter(([key, { object }]) => {
        const isOwned = object.metadata.ownerReferences?.some(({ kind }) => kind === 'AppliedManifestWork');
        const isGoing = object.metadata.deletionTimestamp !== undefined;
        const isSpecial = key.includes('/customresourcedefinitions/') || key.includes('/namespaces/');
        const { editions } = this.#world.model;
        const plan = editions.of(tokenOf(object))?.plan;
        const isHeld = plan !== undefined && holds(plan, key) && editions.isOfOneMind(plan, key);
        return isOwned && !isGoing && !isSpecial && isHeld;
      })
      .map(([key]) => key)
      .sort();
  }

  #objectOf(cluster: string, key: string): KubeObject | undefined {
    return this.#world.observer.cluster(cluster).objects.get(key)?.object;
  }

  #watch(drift: Found): void {
    const nowMs = this.#world.clock.monotonicMs();
    const id = `${drift.cluster} ${drift.key}`;
    const strikes = (this.#strikes.get(id) ?? []).filter((atMs) => nowMs - atMs < strikesMs);
    strikes.push(nowMs);
    this.#strikes.set(id, strikes);
    const limitMs = strikes.length > 3 ? limitedMs : promptMs;
    // A field that is still spoiled is corrected together with what was done to its object now, at the pace for that.
    for (const open of this.#open) {
      if (`${open.cluster} ${open.key}` !== id || !isFieldDrift(open.drift)) continue;
      open.sinceMs = nowMs;
      open.limitMs = limitMs;
    }
    this.#open.push({ ...drift, sinceMs: nowMs, limitMs });
  }

  #isCorrected({ cluster, key, drift, owner, uid, token, number }: Open): boolean {
    const view = this.#world.observer.cluster(cluster);
    const inventory = [...view.objects.values()].find(({ object }) => object.metadata.uid === owner)?.object;
    if (inventory === undefined || inventory.metadata.deletionTimestamp !== undefined) return true;
    if (!this.#isWanted({ cluster, key, token }, inventory)) return true;
    const object = this.#objectOf(cluster, key);
    if (object === undefined) return !isListed(inventory, key);
    if (object.metadata.deletionTimestamp !== undefined) return true;
    switch (drift) {
      case 'edit':
        return tokenOf(object) !== token || !isListed(inventory, key);
      case 'change field':
      case 'drop field':
        return !isSpoiled(object, drift, number) || !isListed(inventory, key);
      case 'disown':
        return (object.metadata.ownerReferences ?? []).length > 0 || !isListed(inventory, key);
      case 'delete':
        return object.metadata.uid !== uid;
      case 'replace':
        return tokenOf(object) !== undefined || !isListed(inventory, key);
      case 'count':
      case 'add field':
        return true;
    }
  }

  /** Objects of a work that is being deleted, or that the hub does not have, wait for their end as they are. */
  #isWanted({ cluster, key, token }: Pick<Open, 'cluster' | 'key' | 'token'>, { spec }: KubeObject): boolean {
    const name = (spec as { manifestWorkName?: string } | undefined)?.manifestWorkName ?? '';
    const { works, histories } = this.#world.observer;
    const work = works.get(`${cluster}/${name}`);
    if (work === undefined || work.metadata.deletionTimestamp !== undefined) return false;
    const edition = this.#editions.get(token) ?? '';
    const { editions } = this.#world.model;
    const plan = editions.of(edition)?.plan;
    // Since then it was perhaps asked only to be there.
    if (plan !== undefined && !editions.isOfOneMind(plan, key)) return false;
    // It may be there again without its klusterlet having heard of it.
    return histories.get(`${cluster}/${name}`)?.isLost(edition) !== true;
  }
}

/** Whether a request's path is that of the object with this key, in whatever version. */
function isPathOf(path: string, key: string): boolean {
  const [, , , resource = '', namespace = '', name = ''] = key.split('/');
  return path.split('?')[0]?.endsWith(`/namespaces/${namespace}/${resource}/${name}`) === true;
}

function isListed(inventory: KubeObject, key: string): boolean {
  const status = inventory['status'] as
    | { appliedResources?: { resource: string; name: string }[] }
    | undefined;
  const [, , , resource = '', , name = ''] = key.split('/');
  return (status?.appliedResources ?? []).some((each) => each.resource === resource && each.name === name);
}
