/**
 * The pods of a workload: those that it controls, those that it adopts or lets go by its selector, and those just made
 * that the watch has not shown yet, so that nobody makes a pod twice. One for all workload loops.
 */
import {
  hasReason,
  type JsonObject,
  type KubeObject,
  type LabelSelector,
  labelSelectorFromObject,
  matchesLabels,
} from '@flotilla/api';
import { type IndexLookup, type Informer, wellKnown } from '@flotilla/kube';
import { at, objectAt, objectsAt, textAt } from '../../builtin/access.js';
import {
  controllerOf,
  controllerReference,
  controllerUid,
  type SimulatedCluster,
} from './simulated-cluster.js';

/** A write that the watch does not show for so long is not remembered any more. */
const rememberMs = 30_000;

interface Remembered {
  readonly pod: KubeObject;
  readonly untilMs: number;
}

export interface NewPod {
  readonly template: unknown;
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: JsonObject;
}

export class PodControl {
  readonly informer: Informer<KubeObject>;
  readonly #cluster: SimulatedCluster;
  readonly #byOwner: IndexLookup<KubeObject>;
  /** Pods without a controller, by namespace. */
  readonly #free: IndexLookup<KubeObject>;
  /** By owner, then by uid. */
  readonly #made = new Map<string, Map<string, Remembered>>();
  readonly #deleted = new Map<string, number>();

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
    this.informer = cluster.informer('', 'pods');
    this.#byOwner = this.informer.cache.addIndex(controllerUid);
    this.#free = this.informer.cache.addIndex((pod) =>
      controllerOf(pod) === undefined ? [pod.metadata.namespace ?? ''] : [],
    );
    this.informer.onChange(({ type, object }) => {
      const { uid = '' } = object.metadata;
      for (const owner of controllerUid(object)) this.#forget(owner, uid);
      if (type === 'deleted') this.#deleted.delete(uid);
    });
  }

  /** The owner's pods, dying ones included. Adopts free pods that its selector matches, and lets others go. */
  async claim(owner: KubeObject): Promise<KubeObject[]> {
    const selector = labelSelectorFromObject(at(owner, 'spec', 'selector') as LabelSelector | undefined);
    const { uid = '', namespace = '', deletionTimestamp } = owner.metadata;
    const claimed: KubeObject[] = [];
    for (const pod of this.#byOwner(uid)) {
      if (matchesLabels(selector, pod.metadata.labels)) claimed.push(pod);
      else await this.#setOwners(pod, pod.metadata.ownerReferences?.filter((one) => one.uid !== uid) ?? []);
    }
    if (deletionTimestamp !== undefined) return claimed;
    for (const pod of this.#free(namespace)) {
      if (!isActive(pod) || !matchesLabels(selector, pod.metadata.labels)) continue;
      const owners = [...(pod.metadata.ownerReferences ?? []), controllerReference(owner)];
      if (await this.#setOwners(pod, owners)) claimed.push(pod);
    }
    return [...claimed, ...this.#unseen(uid)].filter((pod) => !this.#isDeleted(pod));
  }

  /** Makes a pod; nothing when its name is taken or the namespace is going away. */
  async create(owner: KubeObject, pod: NewPod): Promise<KubeObject | undefined> {
    const { namespace, name: ownerName, uid: ownerUid = '' } = owner.metadata;
    const metadata = objectAt(pod.template, 'metadata');
    const made = await this.#cluster.create(wellKnown.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...(pod.name === undefined ? { generateName: `${ownerName}-` } : { name: pod.name }),
        ...(namespace !== undefined && { namespace }),
        labels: { ...textsOf(metadata['labels']), ...pod.labels },
        annotations: { ...textsOf(metadata['annotations']), ...pod.annotations },
        finalizers: Array.isArray(metadata['finalizers']) ? metadata['finalizers'] : [],
        ownerReferences: [controllerReference(owner)],
      },
      spec: { ...objectAt(pod.template, 'spec'), ...pod.spec },
    });
    if (made !== undefined) this.#remember(ownerUid, made);
    return made;
  }

  async delete(pod: KubeObject): Promise<void> {
    await this.#cluster.delete(wellKnown.pods, pod);
    if (pod.metadata.uid !== undefined) this.#deleted.set(pod.metadata.uid, this.#deadline());
  }

  #deadline(): number {
    return this.#cluster.env.clock.monotonicMs() + rememberMs;
  }

  #remember(owner: string, pod: KubeObject): void {
    const { uid = '', namespace = '', name = '' } = pod.metadata;
    if (this.informer.cache.get({ namespace, name })?.metadata.uid === uid) return; // the watch was faster
    const made = this.#made.get(owner) ?? new Map<string, Remembered>();
    made.set(uid, { pod, untilMs: this.#deadline() });
    this.#made.set(owner, made);
  }

  #forget(owner: string, uid: string): void {
    const made = this.#made.get(owner);
    made?.delete(uid);
    if (made?.size === 0) this.#made.delete(owner);
  }

  #unseen(owner: string): KubeObject[] {
    const now = this.#cluster.env.clock.monotonicMs();
    const found: KubeObject[] = [];
    for (const [uid, { pod, untilMs }] of this.#made.get(owner) ?? []) {
      if (untilMs > now) found.push(pod);
      else this.#forget(owner, uid);
    }
    return found;
  }

  /** Its deletion was accepted and the watch may not show it yet. Dying pods that it shows are no secret. */
  #isDeleted(pod: KubeObject): boolean {
    const { uid = '', deletionTimestamp } = pod.metadata;
    const untilMs = this.#deleted.get(uid);
    if (untilMs === undefined || deletionTimestamp !== undefined) return false;
    if (untilMs > this.#cluster.env.clock.monotonicMs()) return true;
    this.#deleted.delete(uid);
    return false;
  }

  async #setOwners(pod: KubeObject, ownerReferences: readonly unknown[]): Promise<boolean> {
    const { resourceVersion } = pod.metadata;
    try {
      return await this.#cluster.change(wellKnown.pods, pod, {
        metadata: { resourceVersion, ownerReferences },
      });
    } catch (error) {
      if (!hasReason(error, 'Conflict')) throw error;
      return false; // changed meanwhile: its event brings the workload back
    }
  }
}

/** Counts towards what a workload wants. */
export function isActive(pod: KubeObject): boolean {
  return pod.metadata.deletionTimestamp === undefined && !isFinished(pod);
}

export function isFinished(pod: KubeObject): boolean {
  return ['Succeeded', 'Failed'].includes(textAt(pod, 'status', 'phase'));
}

export function isReady(pod: KubeObject): boolean {
  return readySince(pod) !== undefined;
}

/** Ready for so many seconds. */
export function isAvailable(pod: KubeObject, minReadySeconds: number, nowMs: number): boolean {
  const since = readySince(pod);
  return (
    since !== undefined && (minReadySeconds === 0 || Date.parse(since) + minReadySeconds * 1000 <= nowMs)
  );
}

function readySince(pod: KubeObject): string | undefined {
  const ready = objectsAt(pod, 'status', 'conditions').find((one) => one['type'] === 'Ready');
  return ready?.['status'] === 'True' ? textAt(ready, 'lastTransitionTime') : undefined;
}

/** The order in which pods are given up: not ready first, then the youngest. */
export function byDispensability(a: KubeObject, b: KubeObject): number {
  const ready = Number(isReady(a)) - Number(isReady(b));
  if (ready !== 0) return ready;
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (left !== right) return left > right ? -1 : 1;
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}

function textsOf(map: unknown): Record<string, string> {
  const texts = Object.entries(objectAt({ map }, 'map')).filter(([, value]) => typeof value === 'string');
  return Object.fromEntries(texts) as Record<string, string>; // only texts are left
}
