/**
 * Looks at the stores of a hub and its managed clusters, event by event, as they are made durable, and notes every
 * breach of a promise at the very moment. It asks nobody and changes nothing. Fed by the world.
 */
import { isPlan, type KubeObject, type ManifestWork, manifestWorkFinalizer } from '@flotilla/api';
import type { StoreEvent } from '@flotilla/apiserver';
import { ClusterView, inventoriesOf, type SeenObject } from './cluster-view.js';
import { judgeDeletion } from './deletions.js';
import { takenAway } from './foreign-fields.js';
import { planTokenPrefix, tokenOf } from './items.js';
import { ownedSince, unrecordedOwners } from './record-first.js';
import type { Backup } from './server-process.js';
import { Trace } from './trace.js';
import { WorkHistory } from './work-history.js';

export interface ObserverOptions {
  readonly nowMs: () => number;
  readonly onBreach: (promise: string, what: string) => void;
  /** A promise was judged. */
  readonly onCheck: (promise: string) => void;
  /** Whether an edition of a work may change an object that is there. */
  readonly mayWrite: (token: string, key: string) => boolean;
  /** Whether an edition of a work is more than a plan. */
  readonly mayBeDone: (token: string) => boolean;
  /** Whether the cluster's klusterlet has this edition of a work on disk. */
  readonly hasSaved: (cluster: string, token: string) => boolean;
}

const workPrefix = '/registry/work.open-cluster-management.io/manifestworks/';
const planPrefix = '/registry/flotilla.dev/manifestworkplans/';

export class Observer {
  readonly #options: ObserverOptions;
  readonly clusters = new Map<string, ClusterView>();
  /** Works of the hub by `<cluster>/<name>`. */
  readonly works = new Map<string, ManifestWork>();
  readonly histories = new Map<string, WorkHistory>();
  /** Questions to klusterlets by `<cluster>/<name>`. */
  readonly plans = new Map<string, KubeObject>();
  /** Of all that has become durable so far, in order. */
  readonly trace = new Trace();

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  cluster(name: string): ClusterView {
    const known = this.clusters.get(name);
    if (known !== undefined) return known;
    const view = new ClusterView();
    this.clusters.set(name, view);
    return view;
  }

  /** Keys and uids of the objects of a cluster that works own. */
  ownedIn(name: string): (readonly [key: string, uid: string])[] {
    return [...this.cluster(name).objects].flatMap(([key, { object }]) => {
      const isOurs = object.metadata.ownerReferences?.some(({ kind }) => kind === 'AppliedManifestWork');
      return isOurs ? [[key, object.metadata.uid ?? ''] as const] : [];
    });
  }

  /** The klusterlet of a cluster leaves, and what its works own is to stay. */
  giveUp(name: string): void {
    const view = this.cluster(name);
    for (const { metadata } of inventoriesOf(view).values()) {
      const { uid = '' } = metadata;
      view.givenUp.set(uid, view.givenUp.get(uid) ?? this.#options.nowMs());
    }
  }

  hearHub(event: StoreEvent): void {
    this.trace.add('hub', event, this.#options.nowMs());
    if (event.key.startsWith(planPrefix)) {
      const id = event.key.slice(planPrefix.length);
      if (event.value === undefined) this.plans.delete(id);
      else this.plans.set(id, read(event.value));
    }
    if (!event.key.startsWith(workPrefix)) return;
    const id = event.key.slice(workPrefix.length);
    const history = this.histories.get(id) ?? new WorkHistory(id);
    this.histories.set(id, history);
    const nowMs = this.#options.nowMs();
    if (event.value === undefined) {
      this.#judgeRelease(id, this.works.get(id));
      this.works.delete(id);
      history.gone(nowMs);
      return;
    }
    const work = read(event.value) as ManifestWork; // the prefix's kind
    this.works.set(id, work);
    const view = this.cluster(id.split('/')[0] ?? '');
    this.#judgeHold(id, work);
    this.#options.onCheck('P4');
    for (const what of history.see(work, { nowMs, view }))
      this.#options.onBreach('P4', `work ${id}: ${what}`);
  }

  /** The hub goes on from an older state: what its works claimed since, nobody claims any more. */
  restoreHub(backup: Backup): void {
    const nowMs = this.#options.nowMs();
    const kept = new Map(
      backup
        .filter(({ key }) => key.startsWith(workPrefix))
        .map(({ key, value }) => [key.slice(workPrefix.length), read(value) as ManifestWork]), // the prefix's kind
    );
    for (const [id, history] of this.histories) {
      history.restart();
      const work = kept.get(id);
      if (work === undefined || isPlan(work)) history.lost(nowMs); // of a plan nothing is applied
    }
    this.works.clear();
    this.plans.clear();
    for (const { key, value } of backup) {
      if (key.startsWith(planPrefix)) this.plans.set(key.slice(planPrefix.length), read(value));
    }
    for (const [id, work] of kept) {
      this.works.set(id, work);
      this.histories.get(id)?.see(work, { nowMs, view: this.cluster(id.split('/')[0] ?? '') });
    }
  }

  /** Nothing of the former cluster counts any more. */
  rebuildCluster(name: string): void {
    this.clusters.set(name, new ClusterView());
    for (const [id, history] of this.histories) {
      if (id.startsWith(`${name}/`)) history.moved(this.#options.nowMs());
    }
  }

  hearCluster(name: string, event: StoreEvent): void {
    this.trace.add(name, event, this.#options.nowMs());
    const view = this.cluster(name);
    const before = view.objects.get(event.key);
    const nowMs = this.#options.nowMs();
    if (event.value === undefined) {
      view.objects.delete(event.key);
      if (before !== undefined && before.object.metadata.deletionTimestamp === undefined) {
        this.#judgeDeletion(name, event.key, before);
      }
      return;
    }
    const object = read(event.value);
    const isSame = before?.object.metadata.uid === object.metadata.uid;
    const ownersBefore = (isSame && before?.ownedSince) || new Map<string, number>();
    this.#judgeRecord(name, event.key, { object, ownersBefore });
    view.objects.set(event.key, { object, ownedSince: ownedSince(object, ownersBefore, nowMs) });
    view.keys.add(event.key);
    const token = tokenOf(object);
    if (token !== undefined && (token.startsWith(planTokenPrefix) || !this.#options.mayBeDone(token))) {
      this.#options.onBreach('P9', `${name} ${event.key}: what was only asked about was done (${token})`);
    }
    if (token !== undefined) this.#judgeOrder(name, event.key, token);
    if (token !== undefined) {
      const seen = view.tokens.get(event.key);
      if (seen === undefined) view.tokens.set(event.key, new Set([token]));
      else seen.add(token);
    }
    if (before === undefined || !isSame) return;
    const isDeletion =
      object.metadata.deletionTimestamp !== undefined &&
      before.object.metadata.deletionTimestamp === undefined;
    if (isDeletion) this.#judgeDeletion(name, event.key, before);
    this.#judgeChange(name, { key: event.key, before: before.object, after: object });
  }

  /** P6: what is called applied cannot go without its klusterlet. */
  #judgeHold(id: string, { metadata, status }: ManifestWork): void {
    const isApplied = status?.conditions?.some((each) => each.type === 'Applied' && each.status === 'True');
    if (isApplied !== true || metadata.deletionTimestamp !== undefined) return;
    this.#options.onCheck('P6');
    if (metadata.finalizers?.includes(manifestWorkFinalizer) === true) return;
    this.#options.onBreach(
      'P6',
      `work ${id} is called applied, and nothing holds it until its objects are gone`,
    );
  }

  /** P4: what was once brought up to date does not go back to an older spec. */
  #judgeOrder(cluster: string, key: string, token: string): void {
    const work = token.slice(0, token.indexOf('.'));
    const history = this.histories.get(`${cluster}/${work}`);
    if (history === undefined) return;
    const { latest, reached } = this.cluster(cluster);
    reached.set(work, token);
    const before = latest.get(`${key} ${work}`);
    latest.set(`${key} ${work}`, token);
    if (before === token) return;
    this.#options.onCheck('P7');
    if (!this.#options.hasSaved(cluster, token)) {
      this.#options.onBreach(
        'P7',
        `${cluster} ${key}: ${token} is in effect before the klusterlet has it on disk`,
      );
    }
    if (before === undefined) return;
    this.#options.onCheck('P4');
    if (!history.isOlder(token, before)) return;
    this.#options.onBreach('P4', `${cluster} ${key}: went back from ${before} to the older ${token}`);
  }

  /** P6: what crashes in the middle still knows all that it has to take away. */
  #judgeRecord(
    cluster: string,
    key: string,
    change: { readonly object: KubeObject; readonly ownersBefore: ReadonlyMap<string, number> },
  ): void {
    const { objects } = this.cluster(cluster);
    for (const owner of unrecordedOwners(key, change, (each) => objects.get(each)?.object)) {
      this.#options.onBreach('P6', `${cluster} ${key}: ${owner} owns it before it names it`);
    }
  }

  /** P6: a work that its klusterlet has let go has left nothing behind. */
  #judgeRelease(id: string, last: ManifestWork | undefined): void {
    const [cluster = '', name = ''] = id.split('/');
    if (last?.metadata.finalizers?.includes(manifestWorkFinalizer) !== true) return;
    this.#options.onCheck('P6');
    const inventory = inventoriesOf(this.cluster(cluster)).get(name);
    if (inventory === undefined || inventory.metadata.deletionTimestamp === undefined) return;
    this.#options.onBreach('P6', `work ${id} was let go while its inventory was still there`);
  }

  /** P3. */
  #judgeDeletion(cluster: string, key: string, before: SeenObject): void {
    this.#options.onCheck('P3');
    const history = (work: string) => this.histories.get(`${cluster}/${work}`);
    const nowMs = this.#options.nowMs();
    for (const what of judgeDeletion(this.cluster(cluster), { key, before, nowMs, history })) {
      this.#options.onBreach('P3', `${cluster} ${key}: ${what}`);
    }
  }

  #judgeChange(cluster: string, change: { key: string; before: KubeObject; after: KubeObject }): void {
    const { key, before, after } = change;
    const token = tokenOf(after);
    if (token !== undefined && token !== tokenOf(before) && !this.#options.mayWrite(token, key)) {
      this.#options.onBreach('P2', `${cluster} ${key}: changed by ${token}, which is only to create it`);
    }
    for (const field of takenAway(before, after)) {
      this.#options.onBreach('P3', `${cluster} ${key}: ${field} is gone, which somebody else has put there`);
    }
    const planted = this.cluster(cluster).foreign.get(after.metadata.uid ?? '');
    if (planted === undefined || planted.mayChange) return;
    if (essence(before) === essence(after)) return;
    this.#options.onBreach('P3', `${cluster} ${key}: a foreign object was changed`);
  }
}

function essence(object: KubeObject): string {
  const { managedFields: _, resourceVersion: __, ...metadata } = object.metadata;
  return JSON.stringify({ ...object, metadata });
}

/** The store keeps JSON. */
function read(value: Uint8Array): KubeObject {
  return JSON.parse(Buffer.from(value).toString('utf8')) as KubeObject;
}
