/** Checks of what goes on in a hub: its controllers, its clusters, who waits for whom. Called by `hub doctor`. */
import {
  clusterCondition,
  clusterNameLabel,
  clusterReason,
  defaultLeaseDurationSeconds,
  findCondition,
  type KubeObject,
  leaseDurationTimes,
  type ManagedCluster,
  managedClusterLeaseName,
  parseTime,
} from '@flotilla/api';
import { getIfThere, type ResourceRef, wellKnown } from '@flotilla/kube';
import { type Finding, failure, ok, warning } from '@flotilla/kube/cli';
import { type CertificateSigningRequest, isPending } from '../controllers/csr-approver.js';
import type { Connection } from './connect.js';
import { expiryNotes } from './expiry-notes.js';
import { whyOf } from './views.js';

/** The hub's controllers answer within seconds; what waits so long for them waits in vain. */
const neglectedMs = 60_000;
/** No more lines of one kind. */
const mostLines = 10;

/**
 * By what they would have done: an accepted cluster has its rights, and one whose heartbeat stopped is Unknown. With
 * several hubs on one etcd there is a Lease that the working one renews.
 */
export async function checkControllers({ client, env }: Connection): Promise<readonly Finding[]> {
  const nowMs = env.clock.now();
  const fix = 'start "hub serve" anew, and see its log for what its controllers say';
  const findings: Finding[] = [];
  const leader = await getIfThere(client, wellKnown.leases, {
    namespace: 'kube-system',
    name: 'flotilla-hub',
  });
  if (leader !== undefined && isLapsed(leader, nowMs))
    findings.push(
      failure('no hub runs the controllers: the lease kube-system/flotilla-hub was not renewed in time', fix),
    );
  const clusters = await client.list<ManagedCluster>(wellKnown.managedClusters);
  const leases = await client.list<KubeObject>(wellKnown.leases, {
    fieldSelector: `metadata.name=${managedClusterLeaseName}`,
  });
  const leaseOf = new Map(leases.items.map((lease) => [lease.metadata.namespace, lease]));
  for (const cluster of clusters.items) {
    const why = neglect(cluster, { lease: leaseOf.get(cluster.metadata.name ?? ''), nowMs });
    if (why !== undefined) findings.push(failure(`${cluster.metadata.name}: ${why}`, fix));
  }
  return findings.length > 0 ? atMost(findings) : [ok('they keep up with what is asked of them')];
}

/** Nobody holds it, or its holder is gone: one that works renews it much more often. */
function isLapsed({ spec }: KubeObject, nowMs: number): boolean {
  const {
    holderIdentity = '',
    renewTime,
    leaseDurationSeconds = 15,
  } = (spec ?? {}) as {
    holderIdentity?: string;
    renewTime?: string;
    leaseDurationSeconds?: number;
  }; // coordination.k8s.io/v1 LeaseSpec
  if (holderIdentity === '' || renewTime === undefined) return true;
  return nowMs - parseTime(renewTime) > leaseDurationSeconds * 2000;
}

/** What the controllers should have done with a cluster long ago. Exported for its test. */
export function neglect(
  { metadata, spec, status }: ManagedCluster,
  { lease, nowMs }: { lease: KubeObject | undefined; nowMs: number },
): string | undefined {
  if (metadata.deletionTimestamp !== undefined || spec?.hubAcceptsClient !== true) return undefined;
  const accepted = findCondition(status?.conditions, clusterCondition.hubAccepted);
  if (accepted === undefined)
    return nowMs - parseTime(metadata.creationTimestamp ?? '') > neglectedMs
      ? 'it is accepted, and was given no rights'
      : undefined;
  const available = findCondition(status?.conditions, clusterCondition.available);
  if (lease === undefined || available?.status !== 'True') return undefined;
  const { renewTime } = (lease['spec'] ?? {}) as { renewTime?: string }; // coordination.k8s.io/v1 LeaseSpec
  const graceMs = (spec.leaseDurationSeconds || defaultLeaseDurationSeconds) * leaseDurationTimes * 1000;
  const overdueMs = renewTime === undefined ? 0 : nowMs - parseTime(renewTime) - graceMs;
  return overdueMs > neglectedMs
    ? `it counts as available, though ${leaseDurationTimes} heartbeats are missing`
    : undefined;
}

export async function checkClusters({ client }: Connection): Promise<readonly Finding[]> {
  const { items } = await client.list<ManagedCluster>(wellKnown.managedClusters);
  const findings = items.flatMap((cluster) => {
    const name = cluster.metadata.name ?? '';
    const isAvailable =
      findCondition(cluster.status?.conditions, clusterCondition.available)?.status === 'True';
    if (isAvailable || cluster.metadata.deletionTimestamp !== undefined) return [];
    const { reason, message } = whyOf(cluster);
    return [warning(`${name} is not available (${reason}): ${message}`, fixFor(cluster, name))];
  });
  const total = `${items.length} ${items.length === 1 ? 'cluster' : 'clusters'}`;
  return findings.length > 0 ? atMost(findings) : [ok(`${total}, all available`)];
}

/** What the hub itself tells of certificates that end within thirty days and that nobody has renewed. */
export async function checkExpiry({ client }: Connection): Promise<readonly Finding[]> {
  const { items } = await client.list<ManagedCluster>(wellKnown.managedClusters);
  const reasons = new Map<string, string>();
  for (const { status } of items) {
    const { reason, message } = findCondition(status?.conditions, clusterCondition.certificateExpiring) ?? {};
    if (message !== undefined && reason !== undefined) reasons.set(message, reason);
  }
  const findings = expiryNotes(items).map(({ text, message }) =>
    warning(
      text,
      expiryFixes[reasons.get(message) ?? ''] ?? 'see "hub clusters" and docs/identity-faults.md',
    ),
  );
  return findings.length > 0
    ? atMost(findings)
    : [ok('no certificate that a cluster needs ends soon without having been renewed')];
}

const expiryFixes: Readonly<Record<string, string>> = {
  [clusterReason.clientCertificateExpiring]:
    'see whether its klusterlet runs ("klusterlet doctor" there): it renews its certificate by itself',
  [clusterReason.servingCertificateExpiring]:
    'renew the certificate of --tls-cert-file where it came from; the hub loads it when the file changes',
  [clusterReason.authorityExpiring]:
    '"hub ca roll" makes another, and klusterlets follow by themselves; "hub ca finish" ends it',
};

function fixFor({ spec, status }: ManagedCluster, name: string): string {
  if (spec?.hubAcceptsClient !== true)
    return `"hub approve ${name}" accepts it, "hub clusters remove ${name}" forgets it`;
  if (findCondition(status?.conditions, clusterCondition.joined)?.status !== 'True')
    return `"klusterlet join" on ${name}, or "hub clusters remove ${name}"`;
  return `"klusterlet doctor" on ${name} tells more`;
}

export async function checkRequests({ client }: Connection): Promise<readonly Finding[]> {
  const { items } = await client.list<CertificateSigningRequest>(wellKnown.certificateSigningRequests, {
    labelSelector: clusterNameLabel,
  });
  const pending = items.filter((csr) => isPending(csr));
  if (pending.length === 0) return [ok('none waits for an answer')];
  return atMost(
    pending.map(({ metadata }) => {
      const cluster = metadata.labels?.[clusterNameLabel] ?? '';
      return warning(
        `${metadata.name} of ${cluster} waits for an answer`,
        `"hub csr list" shows whose key it is; "hub approve ${cluster}" or "hub csr deny ${metadata.name}" answers it`,
      );
    }),
  );
}

export async function checkStuck(
  { client, env }: Connection,
  stuckAfterMs: number,
): Promise<readonly Finding[]> {
  const kinds = [
    wellKnown.managedClusters,
    wellKnown.manifestWorks,
    wellKnown.managedClusterAddOns,
    wellKnown.namespaces,
  ];
  const findings: Finding[] = [];
  for (const ref of kinds) {
    const { items } = await client.list<KubeObject>(ref, { metadataOnly: true });
    for (const { metadata } of items) {
      const { name = '', namespace, deletionTimestamp, finalizers = [] } = metadata;
      if (typeof deletionTimestamp !== 'string') continue;
      const minutes = (env.clock.now() - parseTime(deletionTimestamp)) / 60_000;
      if (minutes * 60_000 < stuckAfterMs) continue;
      const what = `${ref.resource} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
      const held = finalizers.length > 0 ? `, held by ${finalizers.join(', ')}` : '';
      findings.push(
        failure(
          `${what} is being deleted for ${Math.round(minutes)} min${held}`,
          fixForStuck(ref, { name, namespace }),
        ),
      );
    }
  }
  return findings.length > 0 ? atMost(findings) : [ok('none is stuck')];
}

function fixForStuck(
  { resource }: ResourceRef,
  { name, namespace = '' }: { name: string; namespace?: string | undefined },
): string {
  switch (resource) {
    case 'managedclusters':
      return `"hub clusters remove ${name}" tells what blocks it; if its klusterlet is dead for good: hub clusters remove ${name} --force`;
    case 'manifestworks':
      return `"hub why ${name} -n ${namespace}" tells what its klusterlet waits for; if that is dead for good: hub clusters remove ${namespace} --force`;
    case 'namespaces':
      return `kubectl get namespace ${name} -o yaml tells what is left in it`;
    default:
      return 'whoever set the finalizer has to remove it';
  }
}

function atMost(findings: readonly Finding[]): readonly Finding[] {
  const more = findings.length - mostLines;
  const [first] = findings;
  if (more <= 0 || first === undefined) return findings;
  return [...findings.slice(0, mostLines), { verdict: first.verdict, message: `and ${more} more` }];
}
