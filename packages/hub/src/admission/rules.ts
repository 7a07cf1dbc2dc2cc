/**
 * What the hub refuses or completes when its own kinds are written: OCM's webhooks (registration.md 4.4, work.md
 * 1.4) and the ties between a bootstrap token, its cluster and its certificate request (10.6). Rules know only a
 * client and the request; the embedded API server calls them in process.
 */
import {
  clusterGroupName,
  clusterNameLabel,
  hasReason,
  type KubeObject,
  type ManagedCluster,
  type ManifestWork,
  matchesNames,
  newBadRequest,
  newForbidden,
  validateManifestWork,
  validateObjectName,
  virtualPermissions,
  workGroupName,
} from '@flotilla/api';
import { getIfThere, type KubeClient, wellKnown } from '@flotilla/kube';
import { type CertificateSigningRequest, readAgentRequest } from '../controllers/csr-approver.js';
import {
  bootstrapTokenId,
  bootstrapTokenNamespace,
  bootstrapTokenSecretName,
  clusterTokenAnnotation,
  tokenClusterAnnotation,
  tokenRejoinAnnotation,
} from '../tokens/bootstrap-token.js';
import { labelsOfTerms, readTerms } from '../tokens/token-terms.js';
import { agentCsrRule } from './agent-csr-rule.js';
import { agentRules } from './agent-rules.js';
import { autoAcceptRule, isAutoAccepted } from './auto-accept-rule.js';
import { clusterSetBindingRule, clusterSetRule, taintTimeRule } from './cluster-rules.js';
import { csrSourceRule } from './csr-source-rule.js';
import { checkExecutor } from './executor.js';
import { workAuthorRule, workHistoryRule } from './history-rules.js';
import { nameTaken } from './name-taken.js';
import { acceptedClusterRule, newClusterTaintRule } from './new-cluster-rules.js';
import { annotatedPlanRule, workPlanRule } from './plan-rules.js';
import { type AdmissionRule, isAllowed } from './rule.js';

const manifestWorkRule: AdmissionRule = {
  name: 'manifestwork',
  group: workGroupName,
  resource: 'manifestworks',
  operations: ['CREATE', 'UPDATE'],
  mutating: false,
  check: async ({ object, oldObject, user, namespace = '' }, client) => {
    const work = object as ManifestWork; // the rule's own resource
    // A work that is being removed must always lose its finalizer, also one that a later limit would refuse.
    if (work.metadata.deletionTimestamp !== undefined) return;
    validateManifestWork(work, { ...(oldObject && { old: oldObject as ManifestWork }) });
    await checkExecutor({ work, old: oldObject as ManifestWork | undefined, user, namespace }, client);
  },
};

const managedClusterRule: AdmissionRule = {
  name: 'managedcluster',
  group: clusterGroupName,
  resource: 'managedclusters',
  operations: ['CREATE', 'UPDATE'],
  mutating: false,
  check: async (request, client) => {
    const { object, oldObject, user, name } = request;
    const cluster = object as ManagedCluster; // the rule's own resource
    const old = oldObject as ManagedCluster | undefined;
    requireClusterName(name);
    for (const { url } of cluster.spec?.managedClusterClientConfigs ?? []) {
      if (!url.startsWith('https://')) {
        throw newBadRequest(
          `spec.managedClusterClientConfigs: url ${JSON.stringify(url)} must begin with https://`,
        );
      }
    }
    if (cluster.spec?.hubAcceptsClient !== true || old?.spec?.hubAcceptsClient === true) return;
    await requireNamespaceStays(client, name);
    if (isAutoAccepted(request)) return;
    const { group, resource, subresource, verb } = virtualPermissions.acceptCluster;
    if (await isAllowed(client, { user, attributes: { group, resource, subresource, verb, name } })) return;
    throw newForbidden(
      { group: clusterGroupName, resource: 'managedclusters', name },
      `user ${JSON.stringify(user.username)} cannot update the HubAcceptsClient field`,
    );
  },
};

/** A cluster accepted again while the namespace of its former life goes would lose what is sent to it. */
async function requireNamespaceStays(client: KubeClient, name: string): Promise<void> {
  const namespace = await getIfThere<KubeObject>(client, wellKnown.namespaces, { name });
  if (namespace?.metadata.deletionTimestamp === undefined) return;
  throw newForbidden(
    { group: clusterGroupName, resource: 'managedclusters', name },
    `cluster namespace ${JSON.stringify(name)} is terminating`,
  );
}

function requireClusterName(name: string): void {
  const [error] = validateObjectName(name, 'label');
  if (error !== undefined) throw newBadRequest(`metadata.name: ${error.message}`);
}

/** A bootstrap token makes one cluster, and is bound to it from then on. */
const tokenClusterRule: AdmissionRule = {
  name: 'bootstrap-token-cluster',
  group: clusterGroupName,
  resource: 'managedclusters',
  operations: ['CREATE'],
  mutating: true,
  check: async ({ object, user, name, dryRun }, client) => {
    const id = bootstrapTokenId(user.username);
    if (id === undefined) return;
    requireClusterName(name); // before the token is bound to it
    const token = await readToken(client, { id, cluster: name });
    await bindToken(client, token, { cluster: name, dryRun });
    object.metadata.labels = { ...object.metadata.labels, ...labelsOfTerms(readTerms(token)) };
    object.metadata.annotations = { ...object.metadata.annotations, [clusterTokenAnnotation]: id };
  },
};

/** The CSR of a joining klusterlet is for the cluster of its token, which nobody else has joined yet. */
const tokenCsrRule: AdmissionRule = {
  name: 'bootstrap-token-csr',
  group: 'certificates.k8s.io',
  resource: 'certificatesigningrequests',
  operations: ['CREATE'],
  mutating: false,
  check: async ({ object, user, dryRun }, client) => {
    const id = bootstrapTokenId(user.username);
    if (id === undefined) return;
    const csr = object as CertificateSigningRequest; // the rule's own resource
    const subject = {
      group: 'certificates.k8s.io',
      resource: 'certificatesigningrequests',
      name: csr.metadata.name ?? '',
    };
    const request = readAgentRequest(csr);
    if (!request.ok)
      throw newForbidden(subject, `a bootstrap token asks for agent certificates only: ${request.why}`);
    const { cluster } = request;
    const token = await readToken(client, { id, cluster });
    if (allowsRejoin(token) || !(await isJoinedByAnother(client, { id, ...request }))) {
      await bindToken(client, token, { cluster, dryRun });
      return;
    }
    throw newForbidden(subject, nameTaken(cluster));
  },
};

function allowsRejoin(token: KubeObject): boolean {
  return token.metadata.annotations?.[tokenRejoinAnnotation] === 'true';
}

/** @throws StatusError 403 when the token is for another cluster. */
async function readToken(
  client: KubeClient,
  { id, cluster }: { id: string; cluster: string },
): Promise<KubeObject> {
  const key = { namespace: bootstrapTokenNamespace, name: bootstrapTokenSecretName(id) };
  const token = await client.get<KubeObject>(wellKnown.secrets, key);
  const bound = token.metadata.annotations?.[tokenClusterAnnotation];
  const { names } = readTerms(token);
  if (names !== undefined && !matchesNames(names, cluster)) {
    throw newForbidden(
      { group: clusterGroupName, resource: 'managedclusters', name: cluster },
      `the bootstrap token is for names like ${names} only; make another with "hub token create"`,
    );
  }
  if (bound === undefined || bound === cluster) return token;
  throw newForbidden(
    { group: clusterGroupName, resource: 'managedclusters', name: cluster },
    `the bootstrap token is for the cluster ${JSON.stringify(bound)} only; make another with "hub token create"`,
  );
}

/** Nothing else may refuse the request after this: a token that is bound stays so. */
async function bindToken(
  client: KubeClient,
  token: KubeObject,
  { cluster, dryRun }: { cluster: string; dryRun: boolean },
): Promise<void> {
  const { name = '', resourceVersion, annotations } = token.metadata;
  if (annotations?.[tokenClusterAnnotation] !== undefined || dryRun) return;
  try {
    // The version makes this a claim: of two klusterlets with one token, one is refused.
    await client.patch(
      wellKnown.secrets,
      { namespace: bootstrapTokenNamespace, name },
      {
        type: 'merge',
        body: { metadata: { resourceVersion, annotations: { [tokenClusterAnnotation]: cluster } } },
      },
    );
  } catch (error) {
    if (!hasReason(error, 'Conflict')) throw error;
    const id = name.slice(bootstrapTokenSecretName('').length);
    await bindToken(client, await readToken(client, { id, cluster }), { cluster, dryRun });
  }
}

async function isJoinedByAnother(
  client: KubeClient,
  { id, cluster, agent }: { id: string; cluster: string; agent: string },
): Promise<boolean> {
  const existing = await getIfThere<ManagedCluster>(client, wellKnown.managedClusters, { name: cluster });
  if (existing === undefined) return false;
  if (existing.metadata.annotations?.[clusterTokenAnnotation] !== id)
    return existing.spec?.hubAcceptsClient === true;
  const csrs = await client.list<CertificateSigningRequest>(wellKnown.certificateSigningRequests, {
    labelSelector: `${clusterNameLabel}=${cluster}`,
  });
  return csrs.items.some((csr) => {
    if (csr.status?.certificate === undefined || !isOfThisLife(csr, { cluster: existing, id })) return false;
    const issued = readAgentRequest(csr);
    return issued.ok && issued.agent !== agent;
  });
}

/** Requests outlive the cluster that they were for by an hour: those of a cluster that was removed are nobody's key now. */
function isOfThisLife(
  { metadata, spec }: CertificateSigningRequest,
  { cluster, id }: { cluster: ManagedCluster; id: string },
): boolean {
  return (
    bootstrapTokenId(spec.username ?? '') === id ||
    (metadata.creationTimestamp ?? '') > (cluster.metadata.creationTimestamp ?? '')
  );
}

/** All rules, in the order in which they run. */
export const admissionRules: readonly AdmissionRule[] = [
  clusterSetRule,
  taintTimeRule,
  newClusterTaintRule,
  autoAcceptRule,
  acceptedClusterRule,
  tokenClusterRule,
  managedClusterRule,
  clusterSetBindingRule,
  csrSourceRule,
  tokenCsrRule,
  agentCsrRule,
  workAuthorRule,
  manifestWorkRule,
  annotatedPlanRule,
  ...agentRules,
  workPlanRule,
  workHistoryRule,
];
