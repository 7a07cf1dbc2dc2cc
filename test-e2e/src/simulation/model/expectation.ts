/**
 * What a managed cluster must hold once all faults have stopped: each object with its fields and owners, what must be
 * gone, and what may be either and why; and what the status of each of its works must say. Pure: computed from what
 * its works ask for and from what has happened to the cluster.
 */
import type { KubeObject } from '@flotilla/api';
import { type Item, itemKey, toManifests } from '../items.js';
import type { ClusterModel, Why } from './cluster-model.js';
import { type Edition, type Editions, isWriter } from './editions.js';
import type { Live } from './work-model.js';

export interface ExpectedObject {
  readonly key: string;
  /** Names of all works that own it, sorted. */
  readonly owners: readonly string[];
  /** Every field of it is there. Undefined: works only wanted some such object, or others have it. */
  readonly manifest: KubeObject | undefined;
  /** The name of the work that the fields are of. */
  readonly winner: string | undefined;
  /** Whether the object with this uid may have a field in its data that the manifest does not set. */
  readonly mayHave: (field: string, uid: string) => boolean;
}

export interface ExpectedManifest {
  readonly key: string;
  readonly apiVersion: string;
  readonly isApplied: boolean;
  readonly item: Item;
}

export interface ExpectedWork {
  readonly name: string;
  readonly uid: string | undefined;
  readonly generation: number;
  readonly edition: Edition;
  readonly label: string | undefined;
  readonly isApplied: boolean;
  /** In the order of the spec. */
  readonly manifests: readonly ExpectedManifest[];
  /** What its inventory lists: key and version. */
  readonly inventory: ReadonlyMap<string, string>;
}

export interface Expectation {
  readonly works: ReadonlyMap<string, ExpectedWork>;
  /** Generations of works that are only plans, by name. */
  readonly plans: ReadonlyMap<string, number>;
  readonly objects: ReadonlyMap<string, ExpectedObject>;
  /** Keys that works have claimed and do not claim any more: nothing is there unless it `mayStay`. */
  readonly absent: ReadonlySet<string>;
  /** Why the object with this uid may be there, in whatever form, although no work claims it. */
  readonly mayStay: (key: string, uid: string) => Why | undefined;
  /** The uids of objects of others that are there as they were, by key. */
  readonly foreign: ReadonlyMap<string, string>;
}

export interface ExpectOptions {
  /** Works of the cluster that the hub has, by name. */
  readonly works: ReadonlyMap<string, Live>;
  readonly cluster: ClusterModel;
  readonly editions: Editions;
  /** When each work's inventory was made, as text that sorts; of works that quarrel the older one has its way. */
  readonly since: (work: string) => string;
}

interface Claim {
  readonly work: string;
  readonly live: Live;
  readonly item: Item;
}

export function expectCluster(options: ExpectOptions): Expectation {
  const { cluster, editions } = options;
  const isPlan = ([, { edition }]: readonly [string, Live]): boolean => edition.isPlan === true;
  const works = new Map([...options.works].filter((work) => !isPlan(work)));
  const plans = [...options.works].filter(isPlan);
  const claims = claimsOf(works);
  const objects = new Map<string, ExpectedObject>();
  for (const [key, claimants] of claims) objects.set(key, expectObject(key, claimants, options));
  const claimed = editions.claimedIn(cluster.name);
  const expected = [...works].map(([name, live]) => expectWork(name, live, { objects, cluster }));
  return {
    works: new Map(expected.map((work) => [work.name, work])),
    plans: new Map(plans.map(([name, { generation }]) => [name, generation])),
    objects,
    absent: new Set([...claimed.keys()].filter((key) => !claims.has(key))),
    mayStay: (key, uid) =>
      cluster.whyReleased(key, uid) ?? (claimed.get(key) === true ? 'orphaned' : undefined),
    foreign: cluster.foreign,
  };
}

function claimsOf(works: ReadonlyMap<string, Live>): Map<string, Claim[]> {
  const claims = new Map<string, Claim[]>();
  for (const [work, live] of works) {
    for (const item of live.edition.plan.items) {
      if (item.strategy === 'ReadOnly') continue;
      const key = itemKey(item);
      claims.set(key, [...(claims.get(key) ?? []), { work, live, item }]);
    }
  }
  return claims;
}

function expectObject(
  key: string,
  claims: readonly Claim[],
  { cluster, editions, since }: ExpectOptions,
): ExpectedObject {
  const owners = claims.filter(({ live }) => !live.edition.plan.orphan).map(({ work }) => work);
  const writers = claims.filter(({ item }) => isWriter(item.strategy));
  const seniority = ({ work }: Claim): string => `${since(work)} ${work}`;
  const [winner] = writers.sort((a, b) => (seniority(a) < seniority(b) ? -1 : 1));
  const isOrphan = claims.some(({ live }) => live.edition.plan.orphan);
  const manifest = winner && manifestOf(winner.item, { cluster, token: winner.live.edition.token });
  return {
    key,
    owners: owners.sort(),
    manifest,
    winner: winner?.work,
    mayHave: (field, uid) => {
      const author = /^from-(.*)\.\d+$/.exec(field)?.[1];
      if (author === undefined || winner === undefined || isOrphan) return true;
      if (cluster.whyReleased(key, uid) !== undefined) return true; // what it had then is nobody's
      // A loser's are from the time when it was alone, or had its way.
      if (author !== winner.work) return claims.some(({ work }) => work === author);
      // Under another strategy the work may not have known what it had set.
      return !editions.isOfOneMind(winner.live.edition.plan, key);
    },
  };
}

/** Of an object in several versions, the first that the cluster serves. */
function manifestOf(
  item: Item,
  { cluster, token }: { readonly cluster: ClusterModel; readonly token: string },
): KubeObject {
  const manifests = toManifests(item, token);
  const served = manifests.find(({ apiVersion }) => isServed(apiVersion, cluster.minor)) ?? manifests[0];
  if (served === undefined) throw new Error(`${item.kind} has no manifest`);
  return served;
}

/** Of all that works use only cron jobs have changed their version in the time of these clusters. */
function isServed(apiVersion: string, minor: number): boolean {
  if (apiVersion === 'batch/v1beta1') return minor < 25;
  return apiVersion !== 'batch/v1' || minor >= 21;
}

function expectWork(
  name: string,
  live: Live,
  { objects, cluster }: { objects: ReadonlyMap<string, ExpectedObject>; cluster: ClusterModel },
): ExpectedWork {
  const { edition, uid, generation, label } = live;
  const inventory = new Map<string, string>();
  const manifests: ExpectedManifest[] = [];
  for (const item of edition.plan.items) {
    const key = itemKey(item);
    const winner = objects.get(key)?.winner;
    const isApplied = !isWriter(item.strategy) || winner === name;
    const { apiVersion } = manifestOf(item, { cluster, token: edition.token });
    inventory.set(key, apiVersion);
    for (const manifest of toManifests(item, edition.token)) {
      manifests.push({ key, apiVersion: manifest.apiVersion, isApplied, item });
    }
  }
  const isApplied = manifests.every((each) => each.isApplied);
  return { name, uid, generation, edition, label, isApplied, manifests, inventory };
}
