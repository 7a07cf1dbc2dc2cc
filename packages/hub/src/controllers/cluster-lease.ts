/**
 * Heartbeats: an accepted cluster gets its lease, and when its agent has not renewed it for five lease durations,
 * the cluster becomes Unknown. Only the agent ever writes True again. registration.md 3.1.
 */
import {
  clusterCondition,
  clusterNameLabel,
  clusterReason,
  defaultLeaseDurationSeconds,
  findCondition,
  formatMicroTime,
  hasReason,
  hubFieldManager,
  type KubeObject,
  leaseDurationTimes,
  type ManagedCluster,
  managedClusterLeaseName,
  parseTime,
} from '@flotilla/api';
import { type Controller, createController, wellKnown } from '@flotilla/kube';
import { writeCondition, yieldingToOthers } from './cluster-write.js';
import type { HubContext } from './context.js';

export function createClusterLeaseController(context: HubContext): Controller {
  const controller = createController({
    name: 'cluster-lease',
    env: context.env,
    concurrency: 4,
    reconcile: yieldingToOthers((name) => reconcile(context, name)),
  });
  context.clusters.onChange(({ object }) => controller.enqueue(object.metadata.name ?? ''));
  // A renewed lease is looked at when it would run out, not when it is renewed: only its absence matters at once.
  context.leases.onChange(({ type, object }) => {
    if (type === 'deleted') controller.enqueue(object.metadata.namespace ?? '');
  });
  return controller;
}

/** Milliseconds until the heartbeat is overdue; zero or less: it is. */
export function leaseRemainingMs(
  lease: KubeObject,
  { leaseDurationSeconds, nowMs }: { leaseDurationSeconds: number; nowMs: number },
): number {
  const spec = lease['spec'] as { renewTime?: string } | undefined; // coordination.k8s.io/v1 LeaseSpec
  const renewed = spec?.renewTime ?? lease.metadata.creationTimestamp ?? undefined;
  const renewedMs = renewed === undefined ? 0 : parseTime(renewed);
  return renewedMs + leaseDurationTimes * leaseDurationSeconds * 1000 - nowMs;
}

async function reconcile(context: HubContext, name: string): Promise<{ requeueAfterMs: number } | undefined> {
  const cluster = context.clusters.cache.get(name);
  if (
    cluster === undefined ||
    findCondition(cluster.status?.conditions, clusterCondition.hubAccepted) === undefined
  ) {
    return undefined;
  }
  const lease = context.leases.cache.get(`${name}/${managedClusterLeaseName}`);
  if (lease === undefined) {
    if (cluster.metadata.deletionTimestamp !== undefined) return setUnknown(context, cluster);
    await createLease(context, cluster, name);
    return undefined;
  }
  const remainingMs = leaseRemainingMs(lease, {
    leaseDurationSeconds: cluster.spec?.leaseDurationSeconds || defaultLeaseDurationSeconds,
    nowMs: context.env.clock.now(),
  });
  if (remainingMs > 0) return { requeueAfterMs: remainingMs };
  return setUnknown(context, cluster);
}

async function createLease(
  { client, env }: HubContext,
  cluster: ManagedCluster,
  name: string,
): Promise<void> {
  const lease: KubeObject = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: managedClusterLeaseName, namespace: name, labels: { [clusterNameLabel]: name } },
    spec: {
      holderIdentity: managedClusterLeaseName,
      leaseDurationSeconds: cluster.spec?.leaseDurationSeconds || defaultLeaseDurationSeconds,
      renewTime: formatMicroTime(env.clock.now()),
    },
  };
  try {
    await client.create(wellKnown.leases, lease, { fieldManager: hubFieldManager });
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
}

async function setUnknown(context: HubContext, cluster: ManagedCluster): Promise<undefined> {
  const known = findCondition(cluster.status?.conditions, clusterCondition.available);
  if (known?.status === 'Unknown') return;
  await writeCondition(context, cluster, {
    type: clusterCondition.available,
    status: 'Unknown',
    reason: clusterReason.leaseUpdateStopped,
    message: 'Registration agent stopped updating its lease.',
  });
}
