/**
 * Keeps placements away from clusters that are not available: a taint while the cluster is unreachable or its API
 * server unhealthy, none while it is well (registration.md 3.3). All other taints are left as they are.
 */
import {
  clusterCondition,
  findCondition,
  formatTime,
  type ManagedCluster,
  type Taint,
  unavailableTaint,
  unreachableTaint,
} from '@flotilla/api';
import { type Controller, createController } from '@flotilla/kube';
import { patchCluster, yieldingToOthers } from './cluster-write.js';
import type { HubContext } from './context.js';

export function createClusterTaintController(context: HubContext): Controller {
  const nowMs = (): number => context.env.clock.now();
  const controller = createController({
    name: 'cluster-taints',
    env: context.env,
    concurrency: 4,
    reconcile: yieldingToOthers(async (name) => {
      const cluster = context.clusters.cache.get(name);
      const taints = cluster && planTaints(cluster, nowMs());
      if (cluster === undefined || taints === undefined) return undefined;
      // A list that becomes empty is removed, as a cluster that never had a taint has none.
      await patchCluster(context, cluster, { spec: { taints: taints.length === 0 ? null : taints } });
      return undefined;
    }),
  });
  context.clusters.onChange(({ type, object }) => {
    if (type !== 'deleted' && planTaints(object, nowMs()) !== undefined) {
      controller.enqueue(object.metadata.name ?? '');
    }
  });
  return controller;
}

/** All taints that the cluster should have; undefined when it has them. */
export function planTaints(cluster: ManagedCluster, nowMs: number): readonly Taint[] | undefined {
  if (cluster.metadata.deletionTimestamp !== undefined) return undefined;
  const present = cluster.spec?.taints ?? [];
  const wanted = wantedTaint(cluster);
  const kept = present.filter(
    (taint) => !isOurs(taint) || (taint.key === wanted && taint.effect === 'NoSelect' && !taint.value),
  );
  const isThere = wanted === undefined || kept.some(({ key }) => key === wanted);
  if (isThere) return kept.length === present.length ? undefined : kept;
  return [...kept, { key: wanted, effect: 'NoSelect', timeAdded: formatTime(nowMs) }];
}

function isOurs({ key }: Taint): boolean {
  return key === unreachableTaint || key === unavailableTaint;
}

/** A cluster that never reported is as unreachable as one that stopped. */
function wantedTaint(cluster: ManagedCluster): string | undefined {
  const available = findCondition(cluster.status?.conditions, clusterCondition.available);
  if (available?.status === 'True') return undefined;
  return available?.status === 'False' ? unavailableTaint : unreachableTaint;
}
