/**
 * What every server holds from its first start: namespaces, roles, priority classes. Made when missing, never reset,
 * but for the issuer of client certificates, which other servers read here and which is brought up to date at each
 * start.
 */
import { equal, hasReason, type KubeObject } from '@flotilla/api';
import { type KubeClient, type ResourceRef, wellKnown } from '@flotilla/kube';
import { bootstrapRbacObjects } from '../authorization/bootstrap-policy.js';

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

const priorityClasses: ResourceRef = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  resource: 'priorityclasses',
  namespaced: false,
};

/** Where servers that leave authentication to this one look for it; the name is fixed by Kubernetes. */
const authenticationName = 'extension-apiserver-authentication';
const authenticationNamespace = 'kube-system';

const refByKind: Readonly<Record<string, ResourceRef>> = {
  Namespace: wellKnown.namespaces,
  ConfigMap: wellKnown.configMaps,
  Role: wellKnown.roles,
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

/** Lets somebody who is bound to it read the configuration below, and nothing else of kube-system. */
function authenticationReader(): KubeObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { namespace: authenticationNamespace, name: `${authenticationName}-reader` },
    rules: [
      {
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: [authenticationName],
        verbs: ['get', 'list', 'watch'],
      },
    ],
  };
}

/** There is no front proxy, so no `requestheader-` key is published: nobody may name a user in a header. */
function authenticationConfig(clientCa: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: authenticationNamespace, name: authenticationName },
    data: { 'client-ca-file': clientCa },
  };
}

/** `clientCa`: PEM of the issuers of client certificates. */
export async function ensureBootstrapObjects(
  client: KubeClient,
  { clientCa }: { clientCa: string },
): Promise<void> {
  const objects: KubeObject[] = [
    ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...bootstrapRbacObjects(),
    priorityClass('system-cluster-critical', 2_000_000_000),
    priorityClass('system-node-critical', 2_000_001_000),
  ];
  // Together: the store commits them as one group.
  await Promise.all(objects.map((object) => createIfMissing(client, object)));
  // After the namespace that they are in.
  await Promise.all([
    createIfMissing(client, authenticationReader()),
    createOrCorrect(client, authenticationConfig(clientCa)),
  ]);
}

async function createOrCorrect(client: KubeClient, config: KubeObject): Promise<void> {
  const found = await createIfMissing(client, config);
  if (found === undefined || equal(found['data'], config['data'])) return;
  const { namespace = '', name = '' } = config.metadata;
  await client.patch(
    wellKnown.configMaps,
    { namespace, name },
    { type: 'merge', body: { data: config['data'] } },
  );
}

/** The object that was there already; undefined: it was made. */
async function createIfMissing(client: KubeClient, object: KubeObject): Promise<KubeObject | undefined> {
  const ref = refByKind[object.kind];
  if (ref === undefined) throw new Error(`no resource is known for the kind ${object.kind}`);
  const { name = '', namespace } = object.metadata;
  try {
    return await client.get<KubeObject>(ref, { name, ...(namespace !== undefined && { namespace }) });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
  try {
    await client.create(ref, object);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
  return undefined;
}
