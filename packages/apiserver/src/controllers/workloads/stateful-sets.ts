/**
 * StatefulSets: pods with stable names, made and given up in order, each with its claims, replaced from the highest
 * ordinal down to the partition. Plays kube-controller-manager.
 */
import type { JsonObject, KubeObject } from '@flotilla/api';
import { type Controller, createController } from '@flotilla/kube';
import { at, listAt, numberAt, objectAt, objectsAt, textAt } from '../../builtin/access.js';
import { inBatches } from '../in-batches.js';
import { ControllerRevisions, revisionLabel, type TemplateRevision } from './controller-revisions.js';
import { isActive, isAvailable, isFinished, isReady, type PodControl } from './pod-control.js';
import { availabilityDelay } from './replica-sets.js';
import {
  controllerReference,
  enqueueChanged,
  enqueueOwners,
  nonZero,
  type SimulatedCluster,
} from './simulated-cluster.js';

export function createStatefulSetLoop(cluster: SimulatedCluster, pods: PodControl): Controller {
  const sets = cluster.informer('apps', 'statefulsets');
  const loop = new StatefulSets(cluster, pods);
  const controller = createController({
    name: 'stand-in-stateful-sets',
    env: cluster.env,
    concurrency: 8,
    maxDelayMs: 10_000,
    reconcile: async (key) => {
      const set = sets.cache.get(key);
      return set === undefined ? undefined : loop.sync(set);
    },
  });
  enqueueChanged(sets, controller);
  enqueueOwners(pods.informer, 'StatefulSet', controller);
  return controller;
}

interface Revisions {
  readonly current: TemplateRevision;
  readonly update: TemplateRevision;
}

class StatefulSets {
  readonly #cluster: SimulatedCluster;
  readonly #pods: PodControl;
  readonly #revisions: ControllerRevisions;

  constructor(cluster: SimulatedCluster, pods: PodControl) {
    this.#cluster = cluster;
    this.#pods = pods;
    this.#revisions = new ControllerRevisions(cluster);
  }

  async sync(set: KubeObject): Promise<{ requeueAfterMs: number } | undefined> {
    const update = await this.#revisions.ensure(set);
    const currentName = textAt(set, 'status', 'currentRevision') || update.name;
    const current = this.#revisions.find(set, currentName) ?? update;
    const pods = await this.#pods.claim(set);
    if (set.metadata.deletionTimestamp === undefined) await this.#converge(set, pods, { current, update });
    const { nowMs } = this.#cluster;
    const status = statusOf(set, pods.filter(isActive), { revisions: { current, update }, nowMs });
    await this.#cluster.writeStatus(this.#cluster.ref('apps', 'statefulsets'), set, status);
    await this.#revisions.forgetHistory(set, new Set([current.name, update.name, ...pods.map(revisionOf)]));
    return availabilityDelay(set, pods, nowMs);
  }

  /** One step: whatever follows is brought by the events of this one. */
  async #converge(set: KubeObject, pods: readonly KubeObject[], revisions: Revisions): Promise<void> {
    const isOrdered = textAt(set, 'spec', 'podManagementPolicy') !== 'Parallel';
    const first = numberAt(set, 'spec', 'ordinals', 'start');
    const end = first + numberAt(set, 'spec', 'replicas');
    const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod), pod]));
    for (let ordinal = first; ordinal < end; ordinal++) {
      const pod = byOrdinal.get(ordinal);
      if (pod === undefined) await this.#create(set, ordinal, revisions);
      else if (isFinished(pod) && pod.metadata.deletionTimestamp === undefined) await this.#pods.delete(pod);
      if (isOrdered && (pod === undefined || !isHealthy(pod))) return;
    }
    const surplus = pods
      .filter((pod) => ordinalOf(set, pod) < first || ordinalOf(set, pod) >= end)
      .toSorted((a, b) => ordinalOf(set, b) - ordinalOf(set, a));
    const dispensable = isOrdered ? surplus.slice(0, 1) : surplus;
    await inBatches(
      dispensable.filter(({ metadata }) => metadata.deletionTimestamp === undefined),
      (pod) => this.#pods.delete(pod),
    );
    if (surplus.length === 0)
      await this.#replaceOne(set, byOrdinal, { first, end, update: revisions.update });
  }

  async #replaceOne(
    set: KubeObject,
    byOrdinal: ReadonlyMap<number, KubeObject>,
    { first, end, update }: { first: number; end: number; update: TemplateRevision },
  ): Promise<void> {
    const strategy = objectAt(set, 'spec', 'updateStrategy');
    if (strategy['type'] === 'OnDelete') return;
    const lowest = Math.max(first, first + numberAt(strategy, 'rollingUpdate', 'partition'));
    for (let ordinal = end - 1; ordinal >= lowest; ordinal--) {
      const pod = byOrdinal.get(ordinal);
      if (pod === undefined) return;
      if (revisionOf(pod) !== update.name) {
        if (pod.metadata.deletionTimestamp === undefined) await this.#pods.delete(pod);
        return;
      }
      if (!isHealthy(pod)) return;
    }
  }

  async #create(set: KubeObject, ordinal: number, { current, update }: Revisions): Promise<void> {
    const partition = numberAt(set, 'spec', 'updateStrategy', 'rollingUpdate', 'partition');
    const first = numberAt(set, 'spec', 'ordinals', 'start');
    const revision = ordinal < first + partition ? current : update;
    const name = `${set.metadata.name}-${ordinal}`;
    const volumes = listAt(revision.template, 'spec', 'volumes').slice();
    for (const claim of objectsAt(set, 'spec', 'volumeClaimTemplates')) {
      volumes.push(await this.#ensureClaim(set, claim, name));
    }
    await this.#pods.create(set, {
      template: revision.template,
      name,
      labels: {
        [revisionLabel]: revision.name,
        'statefulset.kubernetes.io/pod-name': name,
        'apps.kubernetes.io/pod-index': String(ordinal),
      },
      spec: {
        hostname: name,
        subdomain: textAt(set, 'spec', 'serviceName'),
        ...(volumes.length > 0 && { volumes }),
      },
    });
  }

  /** The volume that uses the claim. A claim outlives its pod unless the set says otherwise. */
  async #ensureClaim(set: KubeObject, claim: JsonObject, pod: string): Promise<JsonObject> {
    const name = textAt(claim, 'metadata', 'name');
    const claimName = `${name}-${pod}`;
    const goesWithSet =
      textAt(set, 'spec', 'persistentVolumeClaimRetentionPolicy', 'whenDeleted') === 'Delete';
    const labels = {
      ...objectAt(set, 'spec', 'selector', 'matchLabels'),
      ...objectAt(claim, 'metadata', 'labels'),
    } as Record<string, string>; // checked by the schema
    const metadata = {
      ...objectAt(claim, 'metadata'),
      ...(set.metadata.namespace !== undefined && { namespace: set.metadata.namespace }),
      name: claimName,
      labels,
      ...(goesWithSet && { ownerReferences: [controllerReference(set)] }),
    };
    await this.#cluster.create(this.#cluster.ref('', 'persistentvolumeclaims'), {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata,
      spec: objectAt(claim, 'spec'),
    });
    return { name, persistentVolumeClaim: { claimName } };
  }
}

function isHealthy(pod: KubeObject): boolean {
  return isActive(pod) && isReady(pod);
}

function revisionOf({ metadata }: KubeObject): string {
  return metadata.labels?.[revisionLabel] ?? '';
}

function ordinalOf(set: KubeObject, pod: KubeObject): number {
  const text = (pod.metadata.name ?? '').slice((set.metadata.name ?? '').length + 1);
  return /^\d+$/.test(text) ? Number(text) : Number.MAX_SAFE_INTEGER;
}

function statusOf(
  set: KubeObject,
  pods: readonly KubeObject[],
  { revisions, nowMs }: { revisions: Revisions; nowMs: number },
): JsonObject {
  const { current, update } = revisions;
  const minReadySeconds = numberAt(set, 'spec', 'minReadySeconds');
  const updated = pods.filter((pod) => revisionOf(pod) === update.name).length;
  const isComplete =
    updated === pods.length &&
    updated === numberAt(set, 'spec', 'replicas') &&
    pods.every((pod) => isReady(pod));
  const currentName = isComplete ? update.name : current.name;
  return {
    replicas: pods.length,
    availableReplicas: pods.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length,
    ...nonZero({
      observedGeneration: set.metadata.generation ?? 0,
      readyReplicas: pods.filter(isReady).length,
      currentReplicas: pods.filter((pod) => revisionOf(pod) === currentName).length,
      updatedReplicas: updated,
    }),
    currentRevision: currentName,
    updateRevision: update.name,
    collisionCount: at(set, 'status', 'collisionCount') ?? 0,
  };
}
