/** What `hub clusters`, `hub works` and `hub csr list` show: rows of tables from objects. Pure. */
import {
  clusterCondition,
  findCondition,
  formatAge,
  type KubeObject,
  type ManagedCluster,
  type ManifestWork,
  parseTime,
  workCondition,
} from '@flotilla/api';
import type { CertificateSigningRequest } from '../controllers/csr-approver.js';
import { viewRequest } from './request-view.js';

function age(object: KubeObject | ManagedCluster | ManifestWork, nowMs: number): string {
  const created = object.metadata.creationTimestamp;
  return created ? formatAge(nowMs - parseTime(created)) : '<unknown>';
}

export const clusterHeaders = ['Name', 'Accepted', 'Joined', 'Available', 'Version', 'Age'];

export function clusterRow(cluster: ManagedCluster, nowMs: number): string[] {
  const status = (type: string): string => findCondition(cluster.status?.conditions, type)?.status ?? '';
  return [
    cluster.metadata.name ?? '',
    cluster.spec?.hubAcceptsClient === true ? 'true' : 'false',
    status(clusterCondition.joined),
    status(clusterCondition.available),
    cluster.status?.version?.kubernetes ?? '',
    age(cluster, nowMs),
  ];
}

export const workHeaders = ['Cluster', 'Name', 'Manifests', 'Applied', 'Available', 'Healthy', 'Age'];

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

export const manifestHeaders = [
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

export const csrHeaders = [
  'Name',
  'Cluster',
  'Requestor',
  'Source',
  'Fingerprint',
  'Key',
  'Condition',
  'Age',
];

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
