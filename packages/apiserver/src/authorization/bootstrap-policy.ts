/** The roles and bindings that every server has from its first start (the useful part of kube-apiserver's bootstrap policy). */
import type { KubeObject } from '@flotilla/api';
import type { PolicyRule } from './rules.js';

const apiVersion = 'rbac.authorization.k8s.io/v1';
const apiGroup = 'rbac.authorization.k8s.io';
const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };

function rule(apiGroups: string, resources: string, verbs: string): PolicyRule {
  return { apiGroups: apiGroups.split(','), resources: resources.split(' '), verbs: verbs.split(' ') };
}

function paths(nonResourceURLs: string): PolicyRule {
  return { nonResourceURLs: nonResourceURLs.split(' '), verbs: ['get'] };
}

interface RoleExtras {
  /** The user-facing role that takes this one's rules over. */
  readonly into?: string;
  /** The role takes over the rules of all that are meant for it. */
  readonly isAggregate?: boolean;
}

function aggregationLabel(name: string): Record<string, string> {
  return { [`rbac.authorization.k8s.io/aggregate-to-${name}`]: 'true' };
}

function clusterRole(name: string, rules: readonly PolicyRule[], extras: RoleExtras = {}): KubeObject {
  const { into, isAggregate = false } = extras;
  return {
    apiVersion,
    kind: 'ClusterRole',
    metadata: { name, labels: { ...labels, ...(into !== undefined && aggregationLabel(into)) } },
    rules,
    ...(isAggregate && {
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregationLabel(name) }] },
    }),
  };
}

function binding(name: string, groups: readonly string[]): KubeObject {
  return {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: { name, labels },
    roleRef: { apiGroup, kind: 'ClusterRole', name },
    subjects: groups.map((group) => ({ kind: 'Group', apiGroup, name: group })),
  };
}

const read = 'get list watch';
const write = 'create delete deletecollection patch update';
const workloads =
  'controllerrevisions daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale';
const jobs = 'cronjobs jobs';
const coreViewed =
  'configmaps endpoints events limitranges namespaces persistentvolumeclaims pods pods/log pods/status replicationcontrollers resourcequotas serviceaccounts services';
const coreEdited =
  'configmaps endpoints events persistentvolumeclaims pods pods/attach pods/exec pods/portforward pods/proxy pods/eviction replicationcontrollers secrets serviceaccounts services services/proxy';

function viewRules(): PolicyRule[] {
  return [
    rule('', coreViewed, read),
    rule('apps', workloads, read),
    rule('batch', jobs, read),
    rule('autoscaling', 'horizontalpodautoscalers', read),
    rule('networking.k8s.io', 'ingresses networkpolicies', read),
    rule('policy', 'poddisruptionbudgets', read),
    rule('discovery.k8s.io', 'endpointslices', read),
  ];
}

function editRules(): PolicyRule[] {
  return [
    rule('', coreEdited, `${read} ${write}`),
    rule('', 'serviceaccounts', 'impersonate'),
    rule('apps', workloads, write),
    rule('batch', jobs, write),
    rule('autoscaling', 'horizontalpodautoscalers', write),
    rule('networking.k8s.io', 'ingresses networkpolicies', write),
    rule('policy', 'poddisruptionbudgets', write),
    rule('coordination.k8s.io', 'leases', `${read} ${write}`),
  ];
}

function adminRules(): PolicyRule[] {
  return [
    rule('', 'serviceaccounts/token', 'create'),
    rule(apiGroup, 'roles rolebindings', `${read} ${write}`),
    rule('authorization.k8s.io', 'localsubjectaccessreviews', 'create'),
  ];
}

/** admin, edit and view are made from others by the aggregation loop, and whole from the start without it. */
export function bootstrapRbacObjects(): KubeObject[] {
  return [
    clusterRole('cluster-admin', [rule('*', '*', '*'), { nonResourceURLs: ['*'], verbs: ['*'] }]),
    binding('cluster-admin', ['system:masters']),
    clusterRole('system:discovery', [
      paths('/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/'),
    ]),
    binding('system:discovery', ['system:authenticated']),
    clusterRole('system:public-info-viewer', [paths('/healthz /livez /readyz /version /version/')]),
    binding('system:public-info-viewer', ['system:authenticated', 'system:unauthenticated']),
    clusterRole('system:basic-user', [
      rule('authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews', 'create'),
      rule('authentication.k8s.io', 'selfsubjectreviews', 'create'),
    ]),
    binding('system:basic-user', ['system:authenticated']),
    clusterRole('system:service-account-issuer-discovery', [
      paths(
        '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
      ),
    ]),
    binding('system:service-account-issuer-discovery', ['system:serviceaccounts']),
    clusterRole('system:auth-delegator', [
      rule('authentication.k8s.io', 'tokenreviews', 'create'),
      rule('authorization.k8s.io', 'subjectaccessreviews', 'create'),
    ]),
    clusterRole('system:aggregate-to-view', viewRules(), { into: 'view' }),
    clusterRole('system:aggregate-to-edit', editRules(), { into: 'edit' }),
    clusterRole('system:aggregate-to-admin', adminRules(), { into: 'admin' }),
    clusterRole('view', viewRules(), { into: 'edit', isAggregate: true }),
    clusterRole('edit', [...editRules(), ...viewRules()], { into: 'admin', isAggregate: true }),
    clusterRole('admin', [...editRules(), ...viewRules(), ...adminRules()], { isAggregate: true }),
  ];
}
