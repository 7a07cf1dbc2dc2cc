/**
 * Approves the renewal of an agent's certificate when the agent itself asks, with the identity it already has, and
 * may still renew. First certificates are an operator's decision (`hub approve`), but for users whom the operator has
 * named (`--auto-approve-users`).
 * registration.md 2.5; unlike OCM it also refuses alternative names and foreign usages (10.6).
 */
import {
  addonNameLabel,
  agentGroups,
  agentUserName,
  automaticallyAcceptedOnAnnotation,
  clusterCondition,
  clusterNameLabel,
  csrAutoApprovedReason,
  formatTime,
  hubFieldManager,
  isConditionTrue,
  type KubeObject,
  kubeClientSigner,
  type ManagedCluster,
  parseAgentUserName,
  virtualPermissions,
} from '@flotilla/api';
import {
  type CertificateRequest,
  type Controller,
  createController,
  PkiError,
  parseCertificateRequest,
  wellKnown,
} from '@flotilla/kube';
import { parseExpiredAgent } from '../identity/expired-agent.js';
import type { HubContext } from './context.js';

/** certificates.k8s.io/v1 CertificateSigningRequest, as far as it is read here. */
export interface CertificateSigningRequest extends KubeObject {
  readonly spec: {
    readonly request: string;
    readonly signerName: string;
    readonly usages?: readonly string[];
    readonly username?: string;
    readonly uid?: string;
    readonly groups?: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastUpdateTime?: string;
    }[];
    readonly certificate?: string;
  };
}

/** Whom a CSR asks a certificate for, when it has the form that agents use; else why it has not. */
export type AgentRequest =
  | { readonly ok: true; readonly cluster: string; readonly agent: string }
  | { readonly ok: false; readonly why: string };

const allowedUsages = new Set(['digital signature', 'key encipherment', 'client auth']);

export function readAgentRequest(csr: CertificateSigningRequest): AgentRequest {
  const refuse = (why: string): AgentRequest => ({ ok: false, why });
  const label = csr.metadata.labels?.[clusterNameLabel];
  if (label === undefined) return refuse(`it has no label ${clusterNameLabel}`);
  if (csr.metadata.labels?.[addonNameLabel] !== undefined) return refuse('it is for an add-on');
  if (csr.spec.signerName !== kubeClientSigner) return refuse(`its signer is ${csr.spec.signerName}`);
  const foreign = (csr.spec.usages ?? []).filter((usage) => !allowedUsages.has(usage));
  if (foreign.length > 0) return refuse(`it asks for the usage ${foreign.join(', ')}`);
  const request = tryParse(csr);
  if (request === undefined) return refuse('its request cannot be read, or is not signed with its key');
  const identity = parseAgentUserName(request.commonName);
  if (identity === undefined)
    return refuse(`its common name ${JSON.stringify(request.commonName)} is no agent's`);
  if (identity.cluster !== label)
    return refuse(`its common name is for ${identity.cluster}, its label for ${label}`);
  const groups = new Set(agentGroups(identity.cluster));
  if (
    request.organizations.some((group) => !groups.has(group)) ||
    !request.organizations.includes(agentGroups(identity.cluster)[0] ?? '')
  ) {
    return refuse(`its organizations are ${request.organizations.join(', ')}`);
  }
  if (request.organizationalUnits.length > 0)
    return refuse(`it asks for the organizational unit ${request.organizationalUnits[0]}`);
  if (request.isCa) return refuse('it asks to be a certificate authority');
  const names = [...request.dnsNames, ...request.ipAddresses, ...request.emailAddresses, ...request.uris];
  if (names.length > 0) return refuse(`it asks for the alternative name ${names[0]}`);
  return { ok: true, ...identity };
}

function tryParse(csr: CertificateSigningRequest): CertificateRequest | undefined {
  try {
    return parseCertificateRequest(Buffer.from(csr.spec.request, 'base64').toString());
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}

/** Neither approved, denied nor failed yet. */
export function isPending(csr: CertificateSigningRequest): boolean {
  return !(csr.status?.conditions ?? []).some(
    ({ type }) => type === 'Approved' || type === 'Denied' || type === 'Failed',
  );
}

/** The CSR with one more condition, as the approval subresource takes it. */
export function withCsrCondition(
  csr: CertificateSigningRequest,
  condition: { type: 'Approved' | 'Denied'; reason: string; message: string; nowMs: number },
): CertificateSigningRequest {
  const time = formatTime(condition.nowMs);
  const { type, reason, message } = condition;
  const added = { type, status: 'True', reason, message, lastUpdateTime: time, lastTransitionTime: time };
  return { ...csr, status: { ...csr.status, conditions: [...(csr.status?.conditions ?? []), added] } };
}

export function createCsrApprover(context: HubContext): Controller {
  const controller = createController({
    name: 'csr-approver',
    env: context.env,
    concurrency: 4,
    reconcile: (name) => reconcile(context, name),
  });
  context.csrs.onChange(({ type, object }) => {
    if (type !== 'deleted') controller.enqueue(object.metadata.name ?? '');
  });
  const byCluster = context.csrs.cache.addIndex(({ metadata }) => [
    metadata.labels?.[clusterNameLabel] ?? '',
  ]);
  context.clusters.onChange(({ type, object }) => {
    if (type === 'deleted' || !isAwaited(object)) return;
    for (const { metadata } of byCluster(object.metadata.name ?? '')) controller.enqueue(metadata.name ?? '');
  });
  return controller;
}

async function reconcile(context: HubContext, name: string): Promise<undefined> {
  const { client, env, csrs } = context;
  const csr = csrs.cache.get(name) as CertificateSigningRequest | undefined; // the informer's kind
  if (csr === undefined || !isPending(csr)) return;
  const requester = csr.spec.username ?? '';
  if (context.policies.autoApproveUsers.includes(requester)) return approveFirst(context, csr);
  // One that comes with an expired certificate has been let in by the admission rule for it (`agent-csr-rule.ts`).
  const expired = parseExpiredAgent(requester);
  const own = expired ?? parseAgentUserName(requester);
  if (own === undefined) return;
  const request = readAgentRequest(csr);
  if (!request.ok) {
    env.log.info('renewal not approved', { csr: name, why: request.why });
    return;
  }
  if (own.cluster !== request.cluster || own.agent !== request.agent) {
    env.log.warn('renewal not approved', { csr: name, why: 'the requester asks for another identity' });
    return;
  }
  const agent = { username: agentUserName(own.cluster, own.agent), groups: agentGroups(own.cluster) };
  if (!(await mayRenew(client, expired === undefined ? csr.spec : agent))) {
    env.log.info('renewal not approved', { csr: name, why: 'the cluster is not accepted' });
    return;
  }
  await approve(context, csr, 'Auto approving Managed cluster agent certificate after SubjectAccessReview.');
  env.log.info('renewal approved', { csr: name, cluster: request.cluster });
}

/**
 * The first certificate of a cluster that was accepted because of who asked (`auto-accept-rule.ts`). Once it has
 * joined, another key of the same name is an operator's decision: the credential to join with may be everybody's.
 */
async function approveFirst(context: HubContext, csr: CertificateSigningRequest): Promise<undefined> {
  const { env, clusters } = context;
  const { name = '' } = csr.metadata;
  const request = readAgentRequest(csr);
  if (!request.ok) {
    env.log.info('certificate request not approved', { csr: name, why: request.why });
    return;
  }
  const cluster = clusters.cache.get(request.cluster);
  if (cluster === undefined || !isAwaited(cluster)) return; // its event brings the request back here
  await approve(context, csr, `Auto approving the first certificate of a cluster of ${csr.spec.username}.`);
  env.log.info('first certificate approved', {
    csr: name,
    cluster: request.cluster,
    user: csr.spec.username,
  });
}

function isAwaited(cluster: ManagedCluster): boolean {
  return (
    cluster.spec?.hubAcceptsClient === true &&
    cluster.metadata.annotations?.[automaticallyAcceptedOnAnnotation] !== undefined &&
    !isConditionTrue(cluster, clusterCondition.joined)
  );
}

async function approve(
  { client, env }: HubContext,
  csr: CertificateSigningRequest,
  message: string,
): Promise<void> {
  const reason = csrAutoApprovedReason;
  const approved = withCsrCondition(csr, { type: 'Approved', reason, message, nowMs: env.clock.now() });
  await client.update(wellKnown.certificateSigningRequests, approved, {
    subresource: 'approval',
    fieldManager: hubFieldManager,
  });
}

async function mayRenew(
  client: HubContext['client'],
  { username, uid, groups, extra }: Omit<CertificateSigningRequest['spec'], 'request' | 'signerName'>,
): Promise<boolean> {
  const { group, resource, subresource, verb } = virtualPermissions.renewCertificate;
  const review = await client.create<KubeObject>(wellKnown.subjectAccessReviews, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: {
      user: username,
      groups,
      ...(uid && { uid }),
      ...(extra && { extra }),
      resourceAttributes: { group, resource, subresource, verb },
    },
  });
  return (review['status'] as { allowed?: boolean } | undefined)?.allowed === true; // SubjectAccessReviewStatus
}
