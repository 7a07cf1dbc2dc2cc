/** What `hub clusters`, `hub works` and `hub csr list` show: rows of tables from objects. Pure. */
import {
  clusterCondition,
  clusterNameLabel,
  clusterSetLabel,
  findCondition,
  formatAge,
  type KubeObject,
  type ManagedCluster,
  type ManifestWork,
  parseTime,
  workCondition,
} from '@flotilla/api';
import type { ListView } from '@flotilla/kube/cli';
import type { CertificateSigningRequest } from '../controllers/csr-approver.js';
import { viewRequest } from './request-view.js';

function age(object: KubeObject | ManagedCluster | ManifestWork, nowMs: number): string {
  const created = object.metadata.creationTimestamp;
  return created ? formatAge(nowMs - parseTime(created)) : '<unknown>';
}

export function clusterView(
  clusters: readonly ManagedCluster[],
  { beside: leases, nowMs }: { beside: readonly KubeObject[]; nowMs: number },
): ListView {
  const seen = new Map(leases.map((lease) => [lease.metadata.namespace, arrivedMs(lease)]));
  return {
    headers: ['Name', 'Accepted', 'Joined', 'Available', 'Reason', 'Version', 'Last seen', 'Age'],
    wideHeaders: ['Set', 'Labels', 'CPU', 'Memory', 'Message'],
    rows: clusters.map((cluster) =>
      clusterRow(cluster, { seenMs: seen.get(cluster.metadata.name ?? ''), nowMs }),
    ),
    objects: clusters,
    empty: 'no cluster has joined yet; make a join string with "hub token create"',
  };
}

/**
 * When the last heartbeat arrived; undefined: none ever did. The hub's API server notes when it took the time that the
 * klusterlet wrote into the lease; that time itself is of the klusterlet's clock, which may be wrong, and counts only
 * where nothing was noted.
 */
function arrivedMs({ metadata, spec }: KubeObject): number | undefined {
  const { renewTime } = (spec ?? {}) as { renewTime?: string }; // coordination.k8s.io/v1 LeaseSpec
  if (renewTime === undefined) return undefined;
  const noted = (metadata.managedFields ?? []).flatMap(({ time, fieldsV1 }) => {
    const fields = fieldsV1?.['f:spec'] as Readonly<Record<string, unknown>> | undefined; // FieldsV1 of a Lease
    return time !== undefined && fields?.['f:renewTime'] !== undefined ? [parseTime(time)] : [];
  });
  return noted.length === 0 ? parseTime(renewTime) : Math.max(...noted);
}

export function clusterRow(
  cluster: ManagedCluster,
  { seenMs, nowMs }: { seenMs: number | undefined; nowMs: number },
): string[] {
  const { metadata, spec, status } = cluster;
  const shown = (type: string): string => findCondition(status?.conditions, type)?.status ?? '';
  const cause = whyOf(cluster);
  // The hub makes the lease when it accepts the cluster; before it has joined, nobody was seen.
  const isSeen = seenMs !== undefined && shown(clusterCondition.joined) === 'True';
  const labels = Object.entries(metadata.labels ?? {}).filter(([key]) => key !== clusterSetLabel);
  return [
    metadata.name ?? '',
    spec?.hubAcceptsClient === true ? 'true' : 'false',
    shown(clusterCondition.joined),
    shown(clusterCondition.available),
    cause.reason,
    status?.version?.kubernetes ?? '',
    isSeen ? `${formatAge(Math.max(0, nowMs - seenMs))} ago` : '',
    age(cluster, nowMs),
    metadata.labels?.[clusterSetLabel] ?? '',
    labels.map(([key, value]) => `${key}=${value}`).join(','),
    String(status?.allocatable?.['cpu'] ?? ''),
    String(status?.allocatable?.['memory'] ?? ''),
    cause.message,
  ];
}

/** The one condition that tells most about the state that a cluster is in. */
export function whyOf({ metadata, spec, status }: ManagedCluster): { reason: string; message: string } {
  const find = (type: string) => findCondition(status?.conditions, type);
  if (metadata.deletionTimestamp !== undefined)
    return find(clusterCondition.deleting) ?? { reason: 'Deleting', message: 'the cluster is being removed' };
  const accepted = find(clusterCondition.hubAccepted);
  if (spec?.hubAcceptsClient !== true) {
    return accepted?.status === 'False'
      ? accepted
      : { reason: 'WaitingForApproval', message: `"hub approve ${metadata.name}" accepts it` };
  }
  const available = find(clusterCondition.available);
  if (available !== undefined) return available;
  return { reason: 'WaitingForKlusterlet', message: 'the klusterlet has not reported itself yet' };
}

export function workView(works: readonly ManifestWork[], nowMs: number): Pick<ListView, 'headers' | 'rows'> {
  return { headers: workHeaders, rows: works.map((work) => workRow(work, nowMs)) };
}

export function manifestView(works: readonly ManifestWork[]): Pick<ListView, 'headers' | 'rows'> {
  return { headers: manifestHeaders, rows: works.flatMap((work) => manifestRows(work)) };
}

const workHeaders = ['Cluster', 'Name', 'Manifests', 'Applied', 'Available', 'Healthy', 'Age'];

export function workRow(work: ManifestWork, nowMs: number): string[] {
  const shown = (type: string): string => {
    const condition = findCondition(work.status?.conditions, type);
    if (condition === undefined) return '';
    const isOld = (condition.observedGeneration ?? 0) < (work.metadata.generation ?? 0);
    return isOld ? `${condition.status} (old)` : condition.status;
  };
  return [
    work.metadata.namespace ?? '',
    work.metadata.name ?? '',
    String(work.spec?.workload?.manifests?.length ?? 0),
    shown(workCondition.applied),
    shown(workCondition.available),
    shown(workCondition.healthy),
    age(work, nowMs),
  ];
}

const manifestHeaders = [
  'Cluster',
  'Work',
  'Manifest',
  'Applied',
  'Available',
  'Healthy',
  'Feedback',
  'Message',
];

/** One row for each manifest of a work, for `hub works --manifests`. */
export function manifestRows(work: ManifestWork): string[][] {
  return (work.status?.resourceStatus?.manifests ?? []).map((manifest) => {
    const { group, version, kind, namespace, name } = manifest.resourceMeta;
    const condition = (type: string) => findCondition(manifest.conditions, type);
    const feedback = (manifest.statusFeedback?.values ?? []).map(({ name: key, fieldValue }) => {
      const value = fieldValue.integer ?? fieldValue.string ?? fieldValue.boolean ?? fieldValue.jsonRaw;
      return `${key}=${String(value)}`;
    });
    return [
      work.metadata.namespace ?? '',
      work.metadata.name ?? '',
      `${kind}.${version}${group ? `.${group}` : ''} ${namespace ? `${namespace}/` : ''}${name}`,
      condition(workCondition.applied)?.status ?? '',
      condition(workCondition.available)?.status ?? '',
      condition(workCondition.healthy)?.status ?? '',
      feedback.join(' '),
      [condition(workCondition.applied), condition(workCondition.healthy)].find(
        (each) => each?.status === 'False',
      )?.message ??
        condition(workCondition.applied)?.message ??
        '',
    ];
  });
}

const csrHeaders = ['Name', 'Cluster', 'Requestor', 'Source', 'Fingerprint', 'Key', 'Condition', 'Age'];

export function csrView(
  requests: readonly CertificateSigningRequest[],
  { beside, nowMs }: { beside: readonly ManagedCluster[]; nowMs: number },
): ListView {
  const clusters = new Map(beside.map((cluster) => [cluster.metadata.name, cluster]));
  return {
    headers: csrHeaders,
    rows: requests.map((request) => {
      const cluster = request.metadata.labels?.[clusterNameLabel] ?? '';
      return csrRow(request, { nowMs, cluster, managed: clusters.get(cluster) });
    }),
    objects: requests,
    empty: 'no klusterlet has asked for a certificate',
  };
}

export function csrRow(
  csr: CertificateSigningRequest,
  options: { nowMs: number; cluster: string; managed: KubeObject | undefined },
): string[] {
  const { source, fingerprint, key } = viewRequest(csr, options.managed);
  return [
    csr.metadata.name ?? '',
    options.cluster,
    csr.spec.username ?? '',
    source,
    fingerprint,
    key,
    csrState(csr),
    age(csr, options.nowMs),
  ];
}

/** As kubectl shows it: Pending, Approved, Denied, Failed, with Issued when there is a certificate. */
export function csrState(csr: CertificateSigningRequest): string {
  const types = (csr.status?.conditions ?? []).map(({ type }) => type);
  const decided = ['Approved', 'Denied', 'Failed'].filter((type) => types.includes(type));
  const state = decided.length === 0 ? ['Pending'] : decided;
  return [...state, ...(csr.status?.certificate ? ['Issued'] : [])].join(',');
}
