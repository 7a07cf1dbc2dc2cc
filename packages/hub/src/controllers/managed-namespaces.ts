/**
 * Tells each cluster which namespaces its sets want in it: `spec.managedNamespaces` of the sets becomes
 * `status.managedNamespaces` of the cluster, where its klusterlet says what has become of them. registration.md 3.2.
 */
import {
  equal,
  type ManagedCluster,
  type ManagedClusterSet,
  type ManagedNamespaceStatus,
} from '@flotilla/api';
import { type Controller, createController } from '@flotilla/kube';
import { patchCluster, yieldingToOthers } from './cluster-write.js';
import type { HubContext } from './context.js';
import { isInSet } from './set-membership.js';

export function createManagedNamespaceController(context: HubContext): Controller {
  const { clusters, clusterSets, membership } = context;
  /** Clusters by the sets of which they have namespaces: a set that is gone or changed still finds them. */
  const servedBy = clusters.cache.addIndex(({ status }) => [
    ...new Set((status?.managedNamespaces ?? []).map(({ clusterSet }) => clusterSet)),
  ]);
  const controller = createController({
    name: 'managed-namespaces',
    env: context.env,
    concurrency: 4,
    reconcile: yieldingToOthers(async (name) => {
      const cluster = clusters.cache.get(name);
      const planned = cluster && planManagedNamespaces(cluster, clusterSets.cache.list());
      if (cluster === undefined || planned === undefined) return undefined;
      await patchCluster(context, cluster, { status: { managedNamespaces: planned } });
      return undefined;
    }),
  });
  const look = (cluster: ManagedCluster): void => {
    if (planManagedNamespaces(cluster, clusterSets.cache.list()) !== undefined) {
      controller.enqueue(cluster.metadata.name ?? '');
    }
  };
  clusters.onChange(({ type, object }) => {
    if (type !== 'deleted') look(object);
  });
  clusterSets.onChange(({ type, object, old }) => {
    if (type === 'updated' && equal(object.spec ?? null, old?.spec ?? null) && !isGoing(object)) return;
    const concerned = [...membership.clustersOf(object), ...servedBy(object.metadata.name ?? '')];
    for (const cluster of new Set(concerned)) look(cluster);
  });
  return controller;
}

function isGoing({ metadata }: ManagedClusterSet): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** The list with what is already known of its namespaces; undefined when it stands as it should. */
export function planManagedNamespaces(
  cluster: ManagedCluster,
  sets: readonly ManagedClusterSet[],
): readonly ManagedNamespaceStatus[] | undefined {
  if (cluster.metadata.deletionTimestamp !== undefined) return undefined;
  const known = cluster.status?.managedNamespaces ?? [];
  const wanted = sets
    .filter((set) => set.spec?.managedNamespaces?.length && !isGoing(set) && isInSet(set, cluster))
    .flatMap((set) =>
      (set.spec?.managedNamespaces ?? []).map(({ name }) => ({ name, clusterSet: set.metadata.name ?? '' })),
    )
    .sort((a, b) => compare(a.clusterSet, b.clusterSet) || compare(a.name, b.name))
    .map((entry) => known.find((one) => isSame(one, entry)) ?? entry);
  return wanted.length === known.length && wanted.every((entry, index) => entry === known[index])
    ? undefined
    : wanted;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function isSame(
  a: Pick<ManagedNamespaceStatus, 'name' | 'clusterSet'>,
  b: Pick<ManagedNamespaceStatus, 'name' | 'clusterSet'>,
): boolean {
  return a.name === b.name && a.clusterSet === b.clusterSet;
}
