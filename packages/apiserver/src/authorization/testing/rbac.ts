/** For tests: roles and bindings in few words. */
import type { KubeObject } from '@flotilla/api';
import { MemoryReader } from '../../authentication/testing/memory-reader.js';
import type { PolicyRule } from '../rules.js';

const apiVersion = 'rbac.authorization.k8s.io/v1';
const group = 'rbac.authorization.k8s.io';

/** `ns/name` or `name`. */
function metadataOf(path: string): { name: string; namespace?: string } {
  const [first = '', second] = path.split('/');
  return second === undefined ? { name: first } : { namespace: first, name: second };
}

export function role(path: string, ...rules: readonly PolicyRule[]): KubeObject {
  const metadata = metadataOf(path);
  return { apiVersion, kind: metadata.namespace === undefined ? 'ClusterRole' : 'Role', metadata, rules };
}

/** `roleName` as `Role/x` or `ClusterRole/x`, subjects as `User/x`, `Group/x` or `ServiceAccount/ns/x`. */
export function binding(path: string, roleName: string, ...subjects: readonly string[]): KubeObject {
  const metadata = metadataOf(path);
  const [kind = '', name = ''] = roleName.split('/');
  return {
    apiVersion,
    kind: metadata.namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata,
    roleRef: { apiGroup: group, kind, name },
    subjects: subjects.map((subject) => {
      const [subjectKind = '', ...rest] = subject.split('/');
      if (subjectKind !== 'ServiceAccount')
        return { kind: subjectKind, apiGroup: group, name: rest.join('/') };
      const [namespace = '', account = ''] = rest;
      return { kind: subjectKind, namespace, name: account };
    }),
  };
}

const resources: Readonly<Record<string, string>> = {
  Role: 'roles',
  ClusterRole: 'clusterroles',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
};

export class RbacReader extends MemoryReader {
  constructor(...objects: readonly KubeObject[]) {
    super();
    for (const object of objects) this.store(object);
  }

  store(object: KubeObject): void {
    this.put(group, resources[object.kind] ?? '', object);
  }

  remove(object: KubeObject): void {
    this.delete(group, resources[object.kind] ?? '', object);
  }
}
