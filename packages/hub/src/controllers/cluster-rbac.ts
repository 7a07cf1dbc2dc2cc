/**
 * What a cluster's agents may do on the hub, as OCM grants it: the objects only. Pure; `managed-cluster.ts` applies
 * them. Rules and names: open-cluster-management.io ocm, pkg/registration/hub/manifests/rbac (registration.md 1.6).
 */
import {
  addonGroupName,
  clusterGroup,
  clusterGroupAlias,
  clusterGroupName,
  clusterNameLabel,
  clusterRoleName,
  flotillaGroupName,
  type KubeObject,
  manifestWorkFinalizer,
  registerGroupName,
  registrationClusterRoleName,
  registrationRoleBindingName,
  rootCaConfigMapName,
  workClusterRoleName,
  workGroupName,
  workRoleBindingName,
} from '@flotilla/api';

const apiVersion = 'rbac.authorization.k8s.io/v1';
const apiGroup = 'rbac.authorization.k8s.io';

type Labels = Readonly<Record<string, string>>;

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

function rule(apiGroups: string | readonly string[], resources: string, verbs: string): Rule {
  return {
    apiGroups: typeof apiGroups === 'string' ? [apiGroups] : apiGroups,
    resources: resources.split(' '),
    verbs: verbs.split(' '),
  };
}

/** The two ClusterRoles that all clusters share. */
export function sharedClusterRoles(more: Labels = {}): KubeObject[] {
  const labels = { ...more, [clusterNameLabel]: '' };
  return [
    {
      apiVersion,
      kind: 'ClusterRole',
      metadata: { name: registrationClusterRoleName, labels },
      rules: [
        rule('coordination.k8s.io', 'leases', 'get list watch update'),
        rule(addonGroupName, 'managedclusteraddons', 'get list watch'),
        rule(addonGroupName, 'managedclusteraddons/status', 'patch update'),
        rule('events.k8s.io', 'events', 'create'),
        // Beyond OCM: the hub's authorities, which change in the life of a fleet.
        { ...rule('', 'configmaps', 'get'), resourceNames: [rootCaConfigMapName] },
      ],
    },
    {
      apiVersion,
      kind: 'ClusterRole',
      metadata: { name: workClusterRoleName, labels },
      rules: [
        rule(['', 'events.k8s.io'], 'events', 'create patch update'),
        rule(workGroupName, 'manifestworks', 'get list watch update patch'),
        rule(workGroupName, 'manifestworks/status', 'patch update'),
        // Ours: questions to the klusterlet, which only it answers.
        rule(flotillaGroupName, 'manifestworkplans', 'get list watch'),
        rule(flotillaGroupName, 'manifestworkplans/status', 'patch update'),
      ],
    },
  ];
}

/** The ClusterRole of one cluster: what it may do once accepted, or only see itself once denied. */
export function clusterRole(
  cluster: string,
  options: { readonly accepted: boolean; readonly labels?: Labels },
): KubeObject {
  const own = { resourceNames: [cluster] };
  const rules: Rule[] = options.accepted
    ? [
        rule('certificates.k8s.io', 'certificatesigningrequests', 'create get list watch'),
        rule(registerGroupName, 'managedclusters/clientcertificates', 'renew'),
        { ...rule(clusterGroupName, 'managedclusters', 'get list update watch'), ...own },
        { ...rule(clusterGroupName, 'managedclusters/status', 'patch update'), ...own },
        // Beyond OCM: its own namespace, to tell a wiped one from works that users deleted.
        { ...rule('', 'namespaces', 'get'), ...own },
      ]
    : [{ ...rule(clusterGroupName, 'managedclusters', 'get list watch'), ...own }];
  return {
    apiVersion,
    kind: 'ClusterRole',
    metadata: { name: clusterRoleName(cluster), labels: { ...options.labels, [clusterNameLabel]: cluster } },
    rules,
  };
}

function subjects(cluster: string): object[] {
  return [clusterGroup(cluster), clusterGroupAlias(cluster)].map((name) => ({
    kind: 'Group',
    apiGroup,
    name,
  }));
}

export function clusterRoleBinding(cluster: string, labels: Labels = {}): KubeObject {
  return {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: { name: clusterRoleName(cluster), labels: { ...labels, [clusterNameLabel]: cluster } },
    roleRef: { apiGroup, kind: 'ClusterRole', name: clusterRoleName(cluster) },
    subjects: subjects(cluster),
  };
}

/** RoleBindings in the cluster's namespace; the one for works stays, by its finalizer, until no work is left. */
export function clusterRoleBindings(cluster: string, more: Labels = {}): KubeObject[] {
  const labels = { ...more, [clusterNameLabel]: cluster };
  return [
    {
      apiVersion,
      kind: 'RoleBinding',
      metadata: { name: registrationRoleBindingName(cluster), namespace: cluster, labels },
      roleRef: { apiGroup, kind: 'ClusterRole', name: registrationClusterRoleName },
      subjects: subjects(cluster),
    },
    {
      apiVersion,
      kind: 'RoleBinding',
      metadata: {
        name: workRoleBindingName(cluster),
        namespace: cluster,
        labels,
        finalizers: [manifestWorkFinalizer],
      },
      roleRef: { apiGroup, kind: 'ClusterRole', name: workClusterRoleName },
      subjects: subjects(cluster),
    },
  ];
}

export function clusterNamespace(cluster: string, labels: Labels = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: cluster, labels: { ...labels, [clusterNameLabel]: cluster } },
  };
}
