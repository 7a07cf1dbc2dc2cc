/** References to the resources that hub and klusterlet name in code, so that no call site spells a plural. */
import type { ResourceRef } from './client.js';

function cluster(group: string, version: string, resource: string): ResourceRef {
  return Object.freeze({ group, version, resource, namespaced: false });
}

function namespaced(group: string, version: string, resource: string): ResourceRef {
  return Object.freeze({ group, version, resource, namespaced: true });
}

const rbac = 'rbac.authorization.k8s.io';

export const wellKnown = Object.freeze({
  namespaces: cluster('', 'v1', 'namespaces'),
  nodes: cluster('', 'v1', 'nodes'),
  configMaps: namespaced('', 'v1', 'configmaps'),
  secrets: namespaced('', 'v1', 'secrets'),
  serviceAccounts: namespaced('', 'v1', 'serviceaccounts'),
  pods: namespaced('', 'v1', 'pods'),
  events: namespaced('', 'v1', 'events'),
  deployments: namespaced('apps', 'v1', 'deployments'),
  leases: namespaced('coordination.k8s.io', 'v1', 'leases'),
  certificateSigningRequests: cluster('certificates.k8s.io', 'v1', 'certificatesigningrequests'),
  clusterRoles: cluster(rbac, 'v1', 'clusterroles'),
  clusterRoleBindings: cluster(rbac, 'v1', 'clusterrolebindings'),
  roles: namespaced(rbac, 'v1', 'roles'),
  roleBindings: namespaced(rbac, 'v1', 'rolebindings'),
  customResourceDefinitions: cluster('apiextensions.k8s.io', 'v1', 'customresourcedefinitions'),
  subjectAccessReviews: cluster('authorization.k8s.io', 'v1', 'subjectaccessreviews'),
  managedClusters: cluster('cluster.open-cluster-management.io', 'v1', 'managedclusters'),
  clusterClaims: cluster('cluster.open-cluster-management.io', 'v1alpha1', 'clusterclaims'),
  clusterProperties: cluster('about.k8s.io', 'v1alpha1', 'clusterproperties'),
  managedClusterAddOns: namespaced('addon.open-cluster-management.io', 'v1beta1', 'managedclusteraddons'),
  manifestWorks: namespaced('work.open-cluster-management.io', 'v1', 'manifestworks'),
  appliedManifestWorks: cluster('work.open-cluster-management.io', 'v1', 'appliedmanifestworks'),
});
