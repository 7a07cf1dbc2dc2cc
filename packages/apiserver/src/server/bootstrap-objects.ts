/** What every server holds from its first start: namespaces, roles, priority classes. Made when missing, never reset. */
import { hasReason, type KubeObject } from '@flotilla/api';
import { type KubeClient, type ResourceRef, wellKnown } from '@flotilla/kube';
import { bootstrapRbacObjects } from '../authorization/bootstrap-policy.js';

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

const priorityClasses: ResourceRef = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  resource: 'priorityclasses',
  namespaced: false,
};

const refByKind: Readonly<Record<string, ResourceRef>> = {
  Namespace: wellKnown.namespaces,
  ClusterRole: wellKnown.clusterRoles,
  ClusterRoleBinding: wellKnown.clusterRoleBindings,
  PriorityClass: priorityClasses,
};

function priorityClass(name: string, value: number): KubeObject {
  return {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    description: 'For pods that the system cannot do without.',
  };
}

export async function ensureBootstrapObjects(client: KubeClient): Promise<void> {
  const objects: KubeObject[] = [
    ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...bootstrapRbacObjects(),
    priorityClass('system-cluster-critical', 2_000_000_000),
    priorityClass('system-node-critical', 2_000_001_000),
  ];
  // Together: the store commits them as one group.
  await Promise.all(objects.map((object) => createIfMissing(client, object)));
}

async function createIfMissing(client: KubeClient, object: KubeObject): Promise<void> {
  const ref = refByKind[object.kind];
  if (ref === undefined) throw new Error(`no resource is known for the kind ${object.kind}`);
  try {
    await client.get(ref, { name: object.metadata.name ?? '' });
    return;
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
  try {
    await client.create(ref, object);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
}
