/**
 * Keeps a ClusterProfile for each cluster of the sets that are bound in a namespace, in that namespace, under the
 * cluster's name; one of several sets is one profile. What is in them is `profile-status.ts`'s. Profiles of other
 * managers are left alone. As OCM's gate ClusterProfile; there a cluster that changes its labels is not seen.
 */
import {
  type ClusterProfile,
  clusterNameLabel,
  clusterSetCondition,
  equal,
  hasReason,
  hubFieldManager,
  isConditionTrue,
  type KubeObject,
  type ManagedCluster,
  profileManager,
  profileManagerLabel,
} from '@flotilla/api';
import { type Controller, createController, wellKnown } from '@flotilla/kube';
import { changedSets } from './cluster-sets.js';
import { clusterProfilesRef, type HubContext } from './context.js';
import { isInSet } from './set-membership.js';

/** Clusters that come and go in numbers are looked at together. */
const gatherMs = 1000;

export function createClusterProfileController(context: HubContext): Controller {
  const { clusters, clusterSets, clusterSetBindings, profiles } = context;
  const bindingsOf = clusterSetBindings.cache.addIndex(({ spec }) => [spec?.clusterSet ?? '']);
  const controller = createController({
    name: 'cluster-profiles',
    env: context.env,
    reconcile: (namespace) => reconcile(context, namespace),
  });
  const enqueueSet = (set: string, delayMs = 0): void => {
    for (const { metadata } of bindingsOf(set)) controller.enqueueAfter(metadata.namespace ?? '', delayMs);
  };
  clusterSetBindings.onChange(({ object }) => controller.enqueue(object.metadata.namespace ?? ''));
  clusterSets.onChange(({ object, old }) => {
    if (!equal(object.spec ?? null, old?.spec ?? null)) enqueueSet(object.metadata.name ?? '');
  });
  clusters.onChange(({ type, object, old }) => {
    const before = type === 'deleted' ? object : old;
    const after = type === 'deleted' ? undefined : object;
    const sets = clusterSets.cache.list();
    if (isLeaving(before) !== isLeaving(after)) {
      for (const set of sets) if (isInSet(set, object)) enqueueSet(set.metadata.name ?? '', gatherMs);
    } else if (!equal(before?.metadata.labels ?? {}, after?.metadata.labels ?? {})) {
      for (const set of changedSets(sets, { before, after })) enqueueSet(set, gatherMs);
    }
  });
  profiles.onChange(({ type, object }) => {
    if (type === 'deleted' && isOurs(object)) controller.enqueue(object.metadata.namespace ?? '');
  });
  return controller;
}

function isLeaving(cluster: ManagedCluster | undefined): boolean {
  return cluster === undefined || cluster.metadata.deletionTimestamp !== undefined;
}

export function isOurs({ metadata }: ClusterProfile): boolean {
  return metadata.labels?.[profileManagerLabel] === profileManager;
}

async function reconcile(context: HubContext, namespace: string): Promise<undefined> {
  const { client, profiles } = context;
  const wanted = wantedClusters(context, namespace);
  const present = new Map(
    profiles.cache.list(namespace).map((profile) => [profile.metadata.name ?? '', profile]),
  );
  const missing = [...wanted].filter((name) => !present.has(name)).sort();
  if (missing.length > 0 && (await isOpen(client, namespace))) {
    for (const name of missing) await create(client, namespace, name);
  }
  for (const [name, profile] of present) {
    if (wanted.has(name) || !isOurs(profile) || profile.metadata.deletionTimestamp !== undefined) continue;
    try {
      await client.delete(clusterProfilesRef, { namespace, name });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
}

function wantedClusters(
  { clusterSetBindings, clusterSets, membership }: HubContext,
  namespace: string,
): Set<string> {
  const wanted = new Set<string>();
  for (const binding of clusterSetBindings.cache.list(namespace)) {
    if (!isConditionTrue(binding, clusterSetCondition.bound)) continue;
    const set = clusterSets.cache.get(binding.spec?.clusterSet ?? '');
    if (set === undefined) continue;
    for (const cluster of membership.clustersOf(set)) {
      if (!isLeaving(cluster)) wanted.add(cluster.metadata.name ?? '');
    }
  }
  return wanted;
}

/** Nothing can be made in a namespace that is being deleted. */
async function isOpen(client: HubContext['client'], namespace: string): Promise<boolean> {
  try {
    const found = await client.get<KubeObject>(wellKnown.namespaces, { name: namespace });
    return found.metadata.deletionTimestamp === undefined;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return false;
    throw error;
  }
}

async function create(client: HubContext['client'], namespace: string, name: string): Promise<void> {
  const profile: ClusterProfile = {
    apiVersion: `${clusterProfilesRef.group}/${clusterProfilesRef.version}`,
    kind: 'ClusterProfile',
    metadata: {
      name,
      namespace,
      labels: { [profileManagerLabel]: profileManager, [clusterNameLabel]: name },
    },
    spec: { displayName: name, clusterManager: { name: profileManager } },
  };
  try {
    await client.create(clusterProfilesRef, profile, { fieldManager: hubFieldManager });
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
}
