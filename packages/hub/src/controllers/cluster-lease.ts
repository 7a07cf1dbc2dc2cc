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

/** The last renewal of a cluster's lease. */
interface Arrival {
  readonly renewTime: string | undefined;
  /** On the monotonic clock: the hub's own may be set, too. */
  readonly atMs: number;
}

export function createClusterLeaseController(context: HubContext): Controller {
  /** By cluster. */
  const arrivals = new Map<string, Arrival>();
  const hear = (name: string, lease: KubeObject): Arrival => {
    const known = arrivals.get(name);
    const renewTime = renewTimeOf(lease);
    if (known !== undefined && known.renewTime === renewTime) return known;
    const arrival = { renewTime, atMs: context.env.clock.monotonicMs() };
    arrivals.set(name, arrival);
    return arrival;
  };
  const controller = createController({
    name: 'cluster-lease',
    env: context.env,
    concurrency: 4,
    reconcile: yieldingToOthers((name) => {
      const last = arrivals.get(name);
      return reconcile(context, { name, last, hear: (lease) => hear(name, lease) });
    }),
  });
  context.clusters.onChange(({ object }) => controller.enqueue(object.metadata.name ?? ''));
  // A renewed lease is looked at when it would run out, not when it is renewed: only its absence matters at once.
  context.leases.onChange(({ type, object }) => {
    const name = object.metadata.namespace ?? '';
    if (type !== 'deleted') {
      hear(name, object);
      return;
    }
    arrivals.delete(name);
    controller.enqueue(name);
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
  { name, last, hear }: { name: string; last: Arrival | undefined; hear: (lease: KubeObject) => Arrival },
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
    if (cluster.metadata.deletionTimestamp !== undefined)
      return isKnownSilent(cluster) ? undefined : setUnknown(context, cluster);
    await createLease(context, cluster, name);
    return undefined;
  }
  const now = context.env.clock.monotonicMs();
  const remainingMs = (arrival: Arrival | undefined): number => {
    const silentMs = Math.max(0, now - (arrival?.atMs ?? now));
    return leaseRemainingMs(cluster, { silentMs, graceTimes: context.policies.heartbeatGrace });
  };
  const leftMs = remainingMs(last);
  if (leftMs > 0) return { requeueAfterMs: leftMs };
  if (isKnownSilent(cluster)) return undefined;
  // The watch may be behind: whoever was heard in truth would contradict at once, again and again.
  const key = { namespace: name, name: managedClusterLeaseName };
  const newest = await getIfThere<KubeObject>(context.client, wellKnown.leases, key);
  const stillMs = newest === undefined ? 0 : remainingMs(hear(newest));
  return stillMs > 0 ? { requeueAfterMs: stillMs } : setUnknown(context, cluster);
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

/** It is called Unknown already, or said goodbye: then it is not missed. */
function isKnownSilent({ status }: ManagedCluster): boolean {
  const known = findCondition(status?.conditions, clusterCondition.available);
  return known?.status === 'Unknown' || known?.reason === clusterReason.left;
}

/** The reason says whether the lease or the agent's certificate is at fault; that of the API server is the agent's word. */
async function setUnknown(context: HubContext, cluster: ManagedCluster): Promise<undefined> {
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
