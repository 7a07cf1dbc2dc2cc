/**
 * Compares the clock of each cluster with the hub's at the moment its heartbeat arrives (registration.md 3.1). While
 * they differ, an agent reports nothing, so that Available does not flap. A heartbeat that tells nothing new costs a
 * comparison and no write.
 */
import {
  type ConditionUpdate,
  clusterCondition,
  clusterReason,
  defaultLeaseDurationSeconds,
  findCondition,
  type KubeObject,
  leaseDurationTimes,
  type ManagedCluster,
  parseTime,
  skipClockSyncCheckAnnotation,
} from '@flotilla/api';
import { type Controller, createController } from '@flotilla/kube';
import { writeCondition, yieldingToOthers } from './cluster-write.js';
import type { HubContext } from './context.js';

export function createClusterClockController(context: HubContext): Controller {
  /** Of clusters whose heartbeat arrived since we watch: whether its time was near ours. */
  const seen = new Map<string, boolean>();
  const controller = createController({
    name: 'cluster-clock',
    env: context.env,
    reconcile: yieldingToOthers(async (name) => {
      const cluster = context.clusters.cache.get(name);
      const planned = cluster && planClockCondition(cluster, seen.get(name));
      if (cluster !== undefined && planned !== undefined) await writeCondition(context, cluster, planned);
      return undefined;
    }),
  });
  const look = (name: string, cluster: ManagedCluster | undefined): void => {
    if (cluster !== undefined && planClockCondition(cluster, seen.get(name)) !== undefined) {
      controller.enqueue(name);
    }
  };
  context.leases.onChange(({ type, object, old }) => {
    const name = object.metadata.namespace ?? '';
    const renewTime = renewTimeOf(object);
    // Only a renewal that we saw happen tells the time; a lease found at start may be of long ago.
    if (type !== 'updated' || renewTime === undefined || renewTime === renewTimeOf(old)) return;
    const cluster = context.clusters.cache.get(name);
    if (cluster === undefined) return;
    seen.set(name, isClockSynced(renewTime, { cluster, nowMs: context.env.clock.now() }));
    look(name, cluster);
  });
  context.clusters.onChange(({ type, object }) => {
    const { name = '' } = object.metadata;
    if (type === 'deleted') seen.delete(name);
    else look(name, object);
  });
  return controller;
}

function renewTimeOf(lease: KubeObject | undefined): string | undefined {
  return (lease?.['spec'] as { renewTime?: string } | undefined)?.renewTime; // coordination.k8s.io/v1 LeaseSpec
}

/** Within five lease durations, as the check that a heartbeat is overdue. */
export function isClockSynced(
  renewTime: string,
  { cluster, nowMs }: { cluster: ManagedCluster; nowMs: number },
): boolean {
  const durationSeconds = cluster.spec?.leaseDurationSeconds || defaultLeaseDurationSeconds;
  return Math.abs(nowMs - parseTime(renewTime)) < leaseDurationTimes * durationSeconds * 1000;
}

/** The condition to write; undefined when it stands as it should, or when no heartbeat was seen. */
export function planClockCondition(
  cluster: ManagedCluster,
  seenSynced: boolean | undefined,
): ConditionUpdate | undefined {
  const recorded = findCondition(cluster.status?.conditions, clusterCondition.clockSynced)?.status;
  const isSkipped = cluster.metadata.annotations?.[skipClockSyncCheckAnnotation] === 'true';
  // An agent that was stopped by the check starts again without waiting for a heartbeat.
  const isSynced = isSkipped && (seenSynced !== undefined || recorded !== undefined) ? true : seenSynced;
  if (isSynced === undefined || recorded === (isSynced ? 'True' : 'False')) return undefined;
  return isSynced
    ? {
        type: clusterCondition.clockSynced,
        status: 'True',
        reason: clusterReason.clockSynced,
        message: 'The clock of the managed cluster is synced with the hub.',
      }
    : {
        type: clusterCondition.clockSynced,
        status: 'False',
        reason: clusterReason.clockOutOfSync,
        message:
          'The clock of hub and agent is out of sync. This may cause the Unknown status and affect agent functionalities.',
      };
}
