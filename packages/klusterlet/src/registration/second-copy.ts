/**
 * A second copy of the hub credentials, in the managed cluster: OCM's `hub-kubeconfig-secret`. From it an agent goes on
 * whose data directory was lost or damaged. It gives nobody more than the cluster has: whoever reads Secrets in the
 * agent's namespace is an administrator of what the credentials are for.
 */
import {
  agentNamespace,
  equal,
  hubKubeconfigSecretName,
  type KubeObject,
  hubKubeconfigSecretKeys as keys,
  klusterletFieldManager,
} from '@flotilla/api';
import { getIfThere, type KubeClient, loadKubeconfig, wellKnown, writeHubKubeconfig } from '@flotilla/kube';
import { applyMarked } from './managed-definitions.js';
import { type HubCredentials, isPair, type KlusterletConfig } from './state.js';

type Identity = Pick<
  KlusterletConfig,
  'clusterName' | 'agentId' | 'hubServer' | 'hubCa' | 'proxyUrl' | 'namespace'
>;

/** Where an agent keeps what it keeps in its cluster. */
export function agentNamespaceOf({ namespace }: { readonly namespace?: string | undefined }): string {
  return namespace ?? agentNamespace;
}

export interface SecondCopy extends Identity {
  readonly credentials: HubCredentials;
}

/** The hub kubeconfig of an agent, for its directory and its copy. */
export function hubKubeconfig({
  hubServer,
  hubCa,
  proxyUrl,
}: Pick<Identity, 'hubServer' | 'hubCa' | 'proxyUrl'>): string {
  return writeHubKubeconfig({
    server: hubServer,
    ca: hubCa,
    clusterName: 'hub',
    ...(proxyUrl !== undefined && { proxyUrl }),
  });
}

/** The plain name, as OCM's tools want it; several klusterlets on one cluster take turns after that. */
function secretNames(agentId: string): readonly [plain: string, own: string] {
  return [hubKubeconfigSecretName, `${hubKubeconfigSecretName}-${agentId}`];
}

/** The copy of this agent, or of whatever agent is there when none is named. Undefined: there is none that is whole. */
export async function readSecondCopy(
  managed: KubeClient,
  wanted?: Pick<Identity, 'clusterName' | 'agentId' | 'namespace'>,
): Promise<SecondCopy | undefined> {
  const names = wanted === undefined ? [hubKubeconfigSecretName] : secretNames(wanted.agentId);
  for (const name of names) {
    const secret = await getSecret(managed, { namespace: agentNamespaceOf(wanted ?? {}), name });
    const copy = secret && parseCopy(secret);
    if (copy === undefined) continue;
    if (wanted === undefined || (copy.clusterName === wanted.clusterName && copy.agentId === wanted.agentId))
      return copy;
  }
  return undefined;
}

function parseCopy(secret: KubeObject): SecondCopy | undefined {
  const data = (secret['data'] ?? {}) as Readonly<Record<string, string>>; // v1 Secret
  const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString('utf8');
  const credentials = { certificatePem: text(keys.certificate), privateKeyPem: text(keys.privateKey) };
  if (!isPair(credentials)) return undefined;
  const { cluster } = loadKubeconfig(text(keys.kubeconfig), {
    file: `of Secret ${secret.metadata.name ?? ''}`,
  });
  if (cluster.caData === undefined) return undefined;
  return {
    clusterName: text(keys.clusterName),
    agentId: text(keys.agentName),
    hubServer: cluster.server,
    hubCa: cluster.caData,
    ...(cluster.proxyUrl !== undefined && { proxyUrl: cluster.proxyUrl }),
    credentials,
  };
}

/** Keeps the copy as it should be. @throws StatusError or TransportError; the caller tries again. */
export async function writeSecondCopy(
  managed: KubeClient,
  { credentials, ...config }: SecondCopy,
): Promise<void> {
  const { clusterName, agentId } = config;
  const encoded = (text: string): string => Buffer.from(text).toString('base64');
  const data = {
    [keys.clusterName]: encoded(clusterName),
    [keys.agentName]: encoded(agentId),
    [keys.kubeconfig]: encoded(hubKubeconfig(config)),
    [keys.certificate]: encoded(credentials.certificatePem),
    [keys.privateKey]: encoded(credentials.privateKeyPem),
  };
  const namespace = agentNamespaceOf(config);
  const { name, secret: found } = await ownSecret(managed, config);
  if (found !== undefined && equal({ ...(found['data'] as object), ...data }, found['data'])) return;
  await applyMarked(managed, wellKnown.namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  await apply(managed, wellKnown.secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type: 'Opaque',
    data,
  });
}

/** Where this agent's copy is or belongs, and what is there. One request, unless another agent has the plain name. */
async function ownSecret(
  managed: KubeClient,
  { clusterName, agentId, namespace }: Pick<Identity, 'clusterName' | 'agentId' | 'namespace'>,
): Promise<{ readonly name: string; readonly secret: KubeObject | undefined }> {
  const [plain, own] = secretNames(agentId);
  const at = { namespace: agentNamespaceOf({ namespace }) };
  const secret = await getSecret(managed, { ...at, name: plain });
  const data = (secret?.['data'] ?? {}) as Readonly<Record<string, string>>; // v1 Secret
  const isOwn = Object.entries({ [keys.clusterName]: clusterName, [keys.agentName]: agentId }).every(
    ([key, value]) => Buffer.from(data[key] ?? '', 'base64').toString() === value,
  );
  return secret === undefined || isOwn
    ? { name: plain, secret }
    : { name: own, secret: await getSecret(managed, { ...at, name: own }) };
}

/** For an agent that leaves. */
export async function removeSecondCopy(
  managed: KubeClient,
  identity: Pick<Identity, 'clusterName' | 'agentId' | 'namespace'>,
): Promise<void> {
  const { name, secret } = await ownSecret(managed, identity);
  if (secret === undefined) return;
  await managed.delete(wellKnown.secrets, { namespace: agentNamespaceOf(identity), name });
}

async function apply(managed: KubeClient, ref: typeof wellKnown.secrets, object: KubeObject): Promise<void> {
  const { name = '', namespace } = object.metadata;
  await managed.patch(
    ref,
    { name, ...(namespace !== undefined && { namespace }) },
    { type: 'apply', body: object, fieldManager: klusterletFieldManager, force: true },
  );
}

function getSecret(
  managed: KubeClient,
  key: { namespace: string; name: string },
): Promise<KubeObject | undefined> {
  return getIfThere(managed, wellKnown.secrets, key);
}
