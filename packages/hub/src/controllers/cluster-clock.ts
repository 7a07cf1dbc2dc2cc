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
  leaseDurationTimes,
  type ManagedCluster,
  parseTime,
  skipClockSyncCheckAnnotation,
} from '@flotilla/api';
import { type Controller, createController } from '@flotilla/kube';
import { renewTimeOf } from './cluster-lease.js';
import { writeCondition, yieldingToOthers } from './cluster-write.js';
import type { HubContext } from './context.js';

export function createClusterClockController(context: HubContext): Controller {
  /** Of clusters whose heartbeat arrived since we watch: by how much its time was ahead of ours. */
  const seen = new Map<string, number>();
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
    seen.set(name, parseTime(renewTime) - context.env.clock.now());
    look(name, cluster);
  });
  context.clusters.onChange(({ type, object }) => {
    const { name = '' } = object.metadata;
    if (type === 'deleted') seen.delete(name);
    else look(name, object);
  });
  return controller;
}

/** Within five lease durations, as the check that a heartbeat is overdue. */
export function isClockSynced(aheadMs: number, { spec }: Pick<ManagedCluster, 'spec'>): boolean {
  const durationSeconds = spec?.leaseDurationSeconds || defaultLeaseDurationSeconds;
  return Math.abs(aheadMs) < leaseDurationTimes * durationSeconds * 1000;
}

/** Less is what a heartbeat takes on its way. */
const toldFromSeconds = 5;
/** Another measure is told when it differs by this part, or by so much: each word of it is a write. */
const toldAgainPart = 0.1;

/**
 * The condition to write; undefined when it stands as it should, or when no heartbeat was seen. Its message tells the
 * difference in seconds.
 */
export function planClockCondition(
  cluster: ManagedCluster,
  aheadMs: number | undefined,
): ConditionUpdate | undefined {
  const recorded = findCondition(cluster.status?.conditions, clusterCondition.clockSynced);
  const isSkipped = cluster.metadata.annotations?.[skipClockSyncCheckAnnotation] === 'true';
  // An agent that was stopped by the check starts again without waiting for a heartbeat.
  if (aheadMs === undefined && !(isSkipped && recorded?.status === 'False')) return undefined;
  const isSynced = isSkipped || isClockSynced(aheadMs ?? 0, cluster);
  const status = isSynced ? 'True' : 'False';
  const aheadSeconds = Math.round((aheadMs ?? 0) / 1000);
  if (recorded?.status === status && !differs(aheadSeconds, toldSeconds(recorded.message))) return undefined;
  return {
    type: clusterCondition.clockSynced,
    status,
    reason: isSynced ? clusterReason.clockSynced : clusterReason.clockOutOfSync,
    message: isSynced
      ? `The clock of the managed cluster is synced with the hub.${describe(aheadSeconds)}`
      : `The clock of hub and agent is out of sync. This may cause the Unknown status and affect agent functionalities.${describe(aheadSeconds)}`,
  };
}

function describe(aheadSeconds: number): string {
  if (Math.abs(aheadSeconds) < toldFromSeconds) return '';
  return ` The agent's clock is ${Math.abs(aheadSeconds)} s ${aheadSeconds > 0 ? 'ahead of' : 'behind'} the hub's.`;
}

/** What a message of ours says; 0 for others. */
function toldSeconds(message: string): number {
  const [, seconds, side] = /clock is (\d+) s (ahead|behind)/.exec(message) ?? [];
  return Number(seconds ?? 0) * (side === 'behind' ? -1 : 1);
}

function differs(seconds: number, told: number): boolean {
  const tolerance = Math.max(toldFromSeconds, Math.abs(told) * toldAgainPart);
  return Math.abs(seconds - told) >= tolerance;
}
