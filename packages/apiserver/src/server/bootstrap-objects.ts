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

function authenticationConfig(data: TrustData): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: authenticationNamespace, name: authenticationName },
    data,
  };
}

/** Whom this server believes, as other servers read it. */
export type TrustData = Readonly<Record<string, string>>;

export async function ensureBootstrapObjects(
  client: KubeClient,
  { trust }: { readonly trust: TrustData },
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
  await Promise.all([createIfMissing(client, authenticationReader()), publishTrust(client, trust)]);
}

/** Brings the published configuration up to date. */
export async function publishTrust(client: KubeClient, trust: TrustData): Promise<void> {
  const config = authenticationConfig(trust);
  const found = await createIfMissing(client, config);
  if (found === undefined || equal(found['data'], trust)) return;
  const gone = Object.keys((found['data'] ?? {}) as object).filter((key) => !Object.hasOwn(trust, key));
  const { namespace = '', name = '' } = config.metadata;
  const data = { ...Object.fromEntries(gone.map((key) => [key, null])), ...trust };
  await client.patch(wellKnown.configMaps, { namespace, name }, { type: 'merge', body: { data } });
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
