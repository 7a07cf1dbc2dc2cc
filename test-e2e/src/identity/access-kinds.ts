/** The kinds of objects that identities of registration are tried on, and how an object of each stands for a cluster. */
import {
  agentGroups,
  agentUserName,
  clusterNameLabel,
  type KubeObject,
  kubeClientSigner,
} from '@flotilla/api';
import { createCertificateRequest, generateKeyPair, type ResourceRef, wellKnown } from '@flotilla/kube';

export interface Kind {
  readonly ref: ResourceRef;
  readonly subresource?: string;
  /** Name and namespace of the object that stands for a cluster, or for the hub. */
  readonly key: (scope: string) => { readonly name: string; readonly namespace?: string };
  /** What is there, and what is created. */
  readonly object: (key: { name: string; namespace?: string }, cluster: string) => KubeObject;
  readonly scopes: readonly ('home' | 'foreign' | 'hub')[];
  readonly select?: (cluster: string) => string;
}

const perCluster = ['home', 'foreign'] as const;
const own = (name: string) => (cluster: string) => ({ name, namespace: cluster });
export const plain =
  (apiVersion: string, kind: string, rest: object = {}) =>
  (metadata: { name: string; namespace?: string }): KubeObject => ({ apiVersion, kind, metadata, ...rest });
export const cluster = plain('cluster.open-cluster-management.io/v1', 'ManagedCluster', { spec: {} });
const work = plain('work.open-cluster-management.io/v1', 'ManifestWork', {
  spec: {
    workload: {
      manifests: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'default' } }],
    },
  },
});
const addon = plain('addon.open-cluster-management.io/v1beta1', 'ManagedClusterAddOn', { spec: {} });
const role = plain('rbac.authorization.k8s.io/v1', 'ClusterRole', { rules: [] });

/** `privateKeyPem`: of the requester; default one that nobody keeps. */
export function csr(
  metadata: { name: string },
  of: string,
  { privateKeyPem }: { readonly privateKeyPem: string } = generateKeyPair(),
): KubeObject {
  const pem = createCertificateRequest({
    privateKeyPem,
    commonName: agentUserName(of, 'a1'),
    organizations: agentGroups(of),
  });
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { ...metadata, labels: { [clusterNameLabel]: of } },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: kubeClientSigner,
      usages: ['digital signature', 'key encipherment', 'client auth'],
    },
  };
}

const byName = (name: string): string => `fieldSelector=metadata.name%3D${name}`;
const byLabel = (of: string): string => `labelSelector=${encodeURIComponent(`${clusterNameLabel}=${of}`)}`;
const csrKind: Kind = {
  ref: wellKnown.certificateSigningRequests,
  key: (of) => ({ name: `${of}-csr` }),
  object: (key, of) => csr(key, of),
  scopes: perCluster,
  select: byLabel,
};
export const clusterKind: Kind = {
  ref: wellKnown.managedClusters,
  key: (of) => ({ name: of }),
  object: cluster,
  scopes: perCluster,
  select: byName,
};
export const workKind: Kind = {
  ref: wellKnown.manifestWorks,
  key: own('w'),
  object: work,
  scopes: perCluster,
};
export const addonKind: Kind = {
  ref: wellKnown.managedClusterAddOns,
  key: own('addon'),
  object: addon,
  scopes: perCluster,
};
const planKind: Kind = {
  ref: { group: 'flotilla.dev', version: 'v1alpha1', resource: 'manifestworkplans', namespaced: true },
  key: own('p'),
  object: plain('flotilla.dev/v1alpha1', 'ManifestWorkPlan', {
    spec: { workName: 'w', workSpec: work({ name: 'w' })['spec'] },
  }),
  scopes: perCluster,
};
const hubKey = (namespace?: string) => () => ({
  name: 'matrix',
  ...(namespace !== undefined && { namespace }),
});

export const kinds: readonly Kind[] = [
  clusterKind,
  { ...clusterKind, subresource: 'status' },
  csrKind,
  { ...csrKind, subresource: 'approval' },
  { ...csrKind, subresource: 'status' },
  workKind,
  { ...workKind, subresource: 'status' },
  addonKind,
  { ...addonKind, subresource: 'status' },
  planKind,
  { ...planKind, subresource: 'status' },
  {
    ref: wellKnown.leases,
    key: own('managed-cluster-lease'),
    object: plain('coordination.k8s.io/v1', 'Lease', { spec: {} }),
    scopes: perCluster,
  },
  {
    ref: wellKnown.events,
    key: own('e'),
    object: (metadata) => ({
      ...plain('v1', 'Event')(metadata),
      involvedObject: { kind: 'Namespace', name: metadata.namespace, namespace: metadata.namespace },
      reason: 'Tested',
      type: 'Normal',
    }),
    scopes: perCluster,
  },
  { ref: wellKnown.secrets, key: own('s'), object: plain('v1', 'Secret'), scopes: perCluster },
  { ref: wellKnown.configMaps, key: own('c'), object: plain('v1', 'ConfigMap'), scopes: perCluster },
  {
    ref: wellKnown.namespaces,
    key: (of) => ({ name: of }),
    object: plain('v1', 'Namespace'),
    scopes: perCluster,
    select: byName,
  },
  {
    ref: wellKnown.roleBindings,
    key: own('b'),
    object: plain('rbac.authorization.k8s.io/v1', 'RoleBinding', {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    }),
    scopes: perCluster,
  },
  { ref: wellKnown.secrets, key: hubKey('kube-system'), object: plain('v1', 'Secret'), scopes: ['hub'] },
  {
    ref: wellKnown.configMaps,
    key: hubKey('kube-system'),
    object: plain('v1', 'ConfigMap'),
    scopes: ['hub'],
  },
  { ref: wellKnown.clusterRoles, key: hubKey(), object: role, scopes: ['hub'] },
  {
    ref: {
      group: 'cluster.open-cluster-management.io',
      version: 'v1beta2',
      resource: 'managedclustersets',
      namespaced: false,
    },
    key: hubKey(),
    object: plain('cluster.open-cluster-management.io/v1beta2', 'ManagedClusterSet', { spec: {} }),
    scopes: ['hub'],
  },
  // Without a selector: the requests and clusters of everybody.
  { ...csrKind, key: () => ({ name: 'other-csr' }), scopes: ['hub'], select: () => '' },
  { ...clusterKind, key: () => ({ name: 'other' }), scopes: ['hub'], select: () => '' },
];

export function pathOf(ref: ResourceRef, at: { name?: string; namespace?: string }): string {
  const base = ref.group === '' ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`;
  const inside = at.namespace === undefined ? '' : `/namespaces/${at.namespace}`;
  return `${base}${inside}/${ref.resource}${at.name === undefined ? '' : `/${at.name}`}`;
}
