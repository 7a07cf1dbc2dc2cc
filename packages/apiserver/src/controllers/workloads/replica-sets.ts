/** Keeps as many pods as each ReplicaSet asks for and says how many there are. Plays kube-controller-manager. */
import { formatTime, hasReason, type JsonObject, type KubeObject } from '@flotilla/api';
import { type Controller, createController } from '@flotilla/kube';
import { at, numberAt, objectAt, objectsAt } from '../../builtin/access.js';
import { inBatches } from '../in-batches.js';
import { byDispensability, isActive, isAvailable, isReady, type PodControl } from './pod-control.js';
import { enqueueChanged, enqueueOwners, nonZero, type SimulatedCluster } from './simulated-cluster.js';

export function createReplicaSetLoop(cluster: SimulatedCluster, pods: PodControl): Controller {
  const sets = cluster.informer('apps', 'replicasets');
  const controller = createController({
    name: 'stand-in-replica-sets',
    env: cluster.env,
    concurrency: 16,
    maxDelayMs: 10_000,
    reconcile: async (key) => {
      const set = sets.cache.get(key);
      if (set === undefined) return undefined;
      const claimed = await pods.claim(set);
      const active = claimed.filter(isActive);
      const missing =
        set.metadata.deletionTimestamp === undefined ? numberAt(set, 'spec', 'replicas') - active.length : 0;
      const template = objectAt(set, 'spec', 'template');
      const refusal = new Refusal();
      const started = Array.from({ length: Math.max(0, Math.min(missing, burst)) });
      await inBatches(started, () => refusal.keep(() => pods.create(set, { template })));
      const extra = missing < 0 ? active.toSorted(byDispensability).slice(0, -missing) : [];
      await inBatches(extra, (pod) => pods.delete(pod));
      const left = active.filter((pod) => !extra.includes(pod));
      const { nowMs } = cluster;
      await cluster.writeStatus(sets.ref, set, statusOf(set, left, { nowMs, failure: refusal.message }));
      return refusal.message === undefined
        ? availabilityDelay(set, left, nowMs)
        : { requeueAfterMs: retryRefusedMs };
    },
  });
  enqueueChanged(sets, controller);
  enqueueOwners(pods.informer, 'ReplicaSet', controller);
  return controller;
}

/** Pods made in one pass, as kube-controller-manager has it; their events bring the next. */
const burst = 500;
/** A quota may have room again, or a policy be gone. */
const retryRefusedMs = 2000;

/** The first refusal by admission: the workload says it, instead of the log. */
class Refusal {
  message: string | undefined;

  async keep(create: () => Promise<unknown>): Promise<void> {
    try {
      await create();
    } catch (error) {
      if (!hasReason(error, 'Forbidden', 'Invalid')) throw error;
      this.message ??= error.message;
    }
  }
}

function statusOf(
  set: KubeObject,
  pods: readonly KubeObject[],
  { nowMs, failure }: { readonly nowMs: number; readonly failure: string | undefined },
): JsonObject {
  const wanted = Object.entries(objectAt(set, 'spec', 'template', 'metadata', 'labels'));
  const minReadySeconds = numberAt(set, 'spec', 'minReadySeconds');
  const conditions = objectsAt(set, 'status', 'conditions').filter((one) => one['type'] !== 'ReplicaFailure');
  if (failure !== undefined) {
    const condition = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: failure };
    const { lastUpdateTime: _, ...shown } = workloadCondition(set, condition, { nowMs });
    conditions.push(shown);
  }
  return {
    replicas: pods.length,
    ...nonZero({
      fullyLabeledReplicas: pods.filter(({ metadata }) =>
        wanted.every(([key, value]) => metadata.labels?.[key] === value),
      ).length,
      readyReplicas: pods.filter(isReady).length,
      availableReplicas: pods.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length,
      observedGeneration: set.metadata.generation ?? 0,
    }),
    ...(conditions.length > 0 && { conditions }),
  };
}

/** When the next of the ready pods counts as available. */
export function availabilityDelay(
  workload: KubeObject,
  pods: readonly KubeObject[],
  nowMs: number,
): { requeueAfterMs: number } | undefined {
  const minReadySeconds = numberAt(workload, 'spec', 'minReadySeconds');
  if (minReadySeconds === 0) return undefined;
  const isWaiting = pods.some((pod) => isReady(pod) && !isAvailable(pod, minReadySeconds, nowMs));
  return isWaiting ? { requeueAfterMs: 1000 } : undefined;
}

/** A condition of a workload; `lastUpdateTime` moves with every change, `lastTransitionTime` with the status. */
export function workloadCondition(
  workload: KubeObject,
  condition: { type: string; status: string; reason: string; message: string },
  options: { nowMs: number; isUpdated?: boolean },
): JsonObject {
  const time = formatTime(options.nowMs);
  const old = objectsAt(workload, 'status', 'conditions').find((one) => one['type'] === condition.type);
  const isSame = old?.['status'] === condition.status && old['reason'] === condition.reason;
  return {
    ...condition,
    lastUpdateTime: isSame && options.isUpdated !== true ? (at(old, 'lastUpdateTime') ?? time) : time,
    lastTransitionTime: old?.['status'] === condition.status ? (at(old, 'lastTransitionTime') ?? time) : time,
  };
}
