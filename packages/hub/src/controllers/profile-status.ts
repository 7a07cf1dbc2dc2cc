/**
 * Writes into the ClusterProfiles of a cluster what the hub knows of it: version, claims as properties, health, whether
 * it has joined, and its set. One write for labels and one for the status, and none when nothing changed.
 */
import {
  type ClusterProfile,
  type ClusterProfileStatus,
  type ConditionUpdate,
  clusterCondition,
  clusterNameLabel,
  clusterSetLabel,
  equal,
  findCondition,
  hubFieldManager,
  type ManagedCluster,
  profileCondition,
  profileManager,
  profileManagerLabel,
  profileSetLabel,
  setCondition,
} from '@flotilla/api';
import { type Controller, createController, keyOf, patchStatus } from '@flotilla/kube';
import { isOurs } from './cluster-profiles.js';
import { yieldingToOthers } from './cluster-write.js';
import { clusterProfilesRef, type HubContext } from './context.js';

export function createProfileStatusController(context: HubContext): Controller {
  const { clusters, profiles } = context;
  const profilesOf = profiles.cache.addIndex((profile) => [profile.metadata.name ?? '']);
  const controller = createController({
    name: 'profile-status',
    env: context.env,
    reconcile: yieldingToOthers((key) => reconcile(context, key)),
  });
  profiles.onChange(({ type, object }) => {
    if (type !== 'deleted' && isOurs(object)) controller.enqueue(keyOf(object));
  });
  clusters.onChange(({ type, object }) => {
    if (type === 'deleted') return;
    for (const profile of profilesOf(object.metadata.name ?? '')) {
      if (isOurs(profile)) controller.enqueue(keyOf(profile));
    }
  });
  return controller;
}

async function reconcile({ client, env, clusters, profiles }: HubContext, key: string): Promise<undefined> {
  const profile = profiles.cache.get(key);
  if (profile === undefined || profile.metadata.deletionTimestamp !== undefined) return;
  const { name = '', namespace = '', uid, resourceVersion } = profile.metadata;
  const cluster = clusters.cache.get(name);
  if (cluster === undefined) return;
  const guard = { uid, resourceVersion };
  const labels = planProfileLabels(profile, cluster);
  if (labels !== undefined) {
    const body = { metadata: { ...guard, labels } };
    const options = { type: 'merge', body, fieldManager: hubFieldManager } as const;
    await client.patch(clusterProfilesRef, { namespace, name }, options);
    return; // the changed profile comes back here
  }
  const status = planProfileStatus(profile, cluster, env.clock.now());
  if (equal(status, profile.status ?? {})) return;
  await patchStatus(client, {
    resource: clusterProfilesRef,
    object: profile,
    status,
    fieldManager: hubFieldManager,
  });
}

/** A merge patch of its labels; undefined when they are right. */
export function planProfileLabels(
  { metadata }: ClusterProfile,
  cluster: ManagedCluster,
): Readonly<Record<string, string | null>> | undefined {
  const wanted = {
    [profileManagerLabel]: profileManager,
    [clusterNameLabel]: cluster.metadata.name ?? '',
    [profileSetLabel]: cluster.metadata.labels?.[clusterSetLabel] ?? null,
  };
  const isRight = Object.entries(wanted).every(([key, value]) => (metadata.labels?.[key] ?? null) === value);
  return isRight ? undefined : wanted;
}

/** What others wrote into the status stays. */
export function planProfileStatus(
  { status }: ClusterProfile,
  cluster: ManagedCluster,
  nowMs: number,
): ClusterProfileStatus {
  let conditions = status?.conditions ?? [];
  for (const [type, source] of [
    [profileCondition.healthy, clusterCondition.available],
    [profileCondition.joined, clusterCondition.joined],
  ] as const) {
    const known = findCondition(cluster.status?.conditions, source);
    if (known === undefined) continue;
    const update: ConditionUpdate = {
      type,
      status: known.status,
      reason: known.reason,
      message: known.message,
    };
    conditions = setCondition(conditions, update, nowMs);
  }
  const { kubernetes } = cluster.status?.version ?? {};
  const properties = (cluster.status?.clusterClaims ?? []).flatMap(({ name, value }) =>
    name && value ? [{ name, value }] : [],
  );
  const isEmpty = properties.length === 0 && (status?.properties ?? []).length === 0;
  return {
    ...status,
    ...(conditions.length > 0 && { conditions }),
    ...(kubernetes !== undefined && { version: { kubernetes } }),
    ...(!isEmpty && { properties }),
  };
}
