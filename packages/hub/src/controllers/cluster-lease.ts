/**
 * Heartbeats: an accepted cluster gets its lease, and when no renewal has arrived for five lease durations, the cluster
 * becomes Unknown. Only the agent ever writes True again. registration.md 3.1. Unlike OCM's hub it goes by when a renewal
 * arrived here, not by the time that the agent wrote: a wrong clock there makes no cluster Unknown, nor keeps one from
 * it. A hub that was down does not blame the agents for it: it counts from when it first saw the lease.
 */
import {
  clusterCondition,
  clusterNameLabel,
  clusterReason,
  defaultLeaseDurationSeconds,
  findCondition,
  formatMicroTime,
  formatTime,
  hasReason,
  hubFieldManager,
  type KubeObject,
  type ManagedCluster,
  managedClusterLeaseName,
} from '@flotilla/api';
import { type Controller, createController, getIfThere, wellKnown } from '@flotilla/kube';
import { agentKeysOf } from '../identity/agent-keys.js';
import {
  isRevoked,
  type Revocations,
  readRevocations,
  revocationsName,
  revocationsNamespace,
} from '../identity/revocations.js';
import { writeCondition, yieldingToOthers } from './cluster-write.js';
import type { HubContext } from './context.js';

export function createClusterLeaseController(context: HubContext): Controller {
  /** When the last renewal of each cluster's lease arrived, on the monotonic clock: the hub's own may be set, too. */
  const arrivals = new Map<string, number>();
  const controller = createController({
    name: 'cluster-lease',
    env: context.env,
    concurrency: 4,
    reconcile: yieldingToOthers((name) => reconcile(context, { name, arrivedMs: arrivals.get(name) })),
  });
  context.clusters.onChange(({ object }) => controller.enqueue(object.metadata.name ?? ''));
  // A renewed lease is looked at when it would run out, not when it is renewed: only its absence matters at once.
  context.leases.onChange(({ type, object, old }) => {
    const name = object.metadata.namespace ?? '';
    if (type === 'deleted') {
      arrivals.delete(name);
      controller.enqueue(name);
    } else if (type === 'added' || renewTimeOf(object) !== renewTimeOf(old)) {
      arrivals.set(name, context.env.clock.monotonicMs());
    }
  });
  return controller;
}

export function renewTimeOf(lease: KubeObject | undefined): string | undefined {
  return (lease?.['spec'] as { renewTime?: string } | undefined)?.renewTime; // coordination.k8s.io/v1 LeaseSpec
}

/** Milliseconds until the heartbeat is overdue; zero or less: it is. */
export function leaseRemainingMs(
  { spec }: Pick<ManagedCluster, 'spec'>,
  { silentMs, graceTimes }: { silentMs: number; graceTimes: number },
): number {
  return graceTimes * (spec?.leaseDurationSeconds || defaultLeaseDurationSeconds) * 1000 - silentMs;
}

async function reconcile(
  context: HubContext,
  { name, arrivedMs }: { name: string; arrivedMs: number | undefined },
): Promise<{ requeueAfterMs: number } | undefined> {
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
  const now = context.env.clock.monotonicMs();
  const silentMs = now - (arrivedMs ?? now);
  const remainingMs = leaseRemainingMs(cluster, { silentMs, graceTimes: context.policies.heartbeatGrace });
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

/** The reason says whether the lease or the agent's certificate is at fault; that of the API server is the agent's word. */
async function setUnknown(context: HubContext, cluster: ManagedCluster): Promise<undefined> {
  const known = findCondition(cluster.status?.conditions, clusterCondition.available);
  // A klusterlet that said goodbye is not missed.
  if (known?.status === 'Unknown' || known?.reason === clusterReason.left) return;
  const revocations = readRevocations(await getRevocations(context));
  const why = planSilence(cluster, { revocations, nowMs: context.env.clock.now() });
  await writeCondition(context, cluster, { type: clusterCondition.available, status: 'Unknown', ...why });
}

function getRevocations({ client }: HubContext): Promise<KubeObject | undefined> {
  const key = { namespace: revocationsNamespace, name: revocationsName };
  return getIfThere(client, wellKnown.configMaps, key);
}

/** Why nothing is heard of an agent, as far as the hub can know. The first reason is OCM's, the others are ours. */
export function planSilence(
  cluster: ManagedCluster,
  { revocations, nowMs }: { revocations: Revocations; nowMs: number },
): { readonly reason: string; readonly message: string } {
  const stopped = 'Registration agent stopped updating its lease.';
  const [newest] = agentKeysOf(cluster);
  const revocation = revocations.get(cluster.metadata.name ?? '');
  if (newest !== undefined && revocation !== undefined && isRevoked(newest, revocation)) {
    const message = `${stopped} The hub revoked its certificates at ${formatTime(revocation.fromMs)}: it has to join again.`;
    return { reason: clusterReason.agentRevoked, message };
  }
  if (newest?.notAfterMs !== undefined && newest.notAfterMs <= nowMs) {
    const message = `${stopped} Its certificate ended at ${formatTime(newest.notAfterMs)}; it is renewed when the agent comes back.`;
    return { reason: clusterReason.agentCertificateExpired, message };
  }
  return { reason: clusterReason.leaseUpdateStopped, message: stopped };
}
