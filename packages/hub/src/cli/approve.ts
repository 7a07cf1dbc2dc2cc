/** `hub approve` and `hub csr …`: an operator's word on who may join. */
import {
  clusterNameLabel,
  hasReason,
  hubFieldManager,
  type KubeObject,
  type ManagedCluster,
} from '@flotilla/api';
import { type KubeClient, wellKnown } from '@flotilla/kube';
import {
  type AgentRequest,
  type CertificateSigningRequest,
  isPending,
  readAgentRequest,
  withCsrCondition,
} from '../controllers/csr-approver.js';

export interface Decision {
  readonly type: 'Approved' | 'Denied';
  readonly message: string;
  readonly nowMs: number;
}

/** @throws Error when there is no such CSR, or StatusError. Deciding twice the same way changes nothing. */
export async function decideCsr(
  client: KubeClient,
  name: string,
  decision: Decision,
): Promise<'done' | 'already'> {
  for (let attempt = 0; ; attempt++) {
    const csr = await client.get<CertificateSigningRequest>(wellKnown.certificateSigningRequests, { name });
    if ((csr.status?.conditions ?? []).some(({ type }) => type === decision.type)) return 'already';
    const reason = decision.type === 'Approved' ? 'HubApprove' : 'HubDeny';
    const decided = withCsrCondition(csr, { ...decision, reason });
    try {
      await client.update(wellKnown.certificateSigningRequests, decided, {
        subresource: 'approval',
        fieldManager: hubFieldManager,
      });
      return 'done';
    } catch (error) {
      if (!hasReason(error, 'Conflict') || attempt >= 4) throw error;
    }
  }
}

export interface ApproveResult {
  readonly cluster: string;
  readonly accepted: 'done' | 'already';
  readonly csr: string | undefined;
}

/**
 * Accepts a cluster and approves its newest pending CSR.
 * @throws Error with what to do when the cluster has not asked to join.
 */
export async function approveCluster(
  client: KubeClient,
  cluster: string,
  nowMs: number,
): Promise<ApproveResult> {
  const managed = await getCluster(client, cluster);
  const csrs = await client.list<CertificateSigningRequest>(wellKnown.certificateSigningRequests, {
    labelSelector: `${clusterNameLabel}=${cluster}`,
  });
  const pending = csrs.items
    .filter((csr) => isPending(csr))
    .map((csr) => ({ csr, request: readAgentRequest(csr) }))
    .sort((a, b) => (createdAt(b.csr) < createdAt(a.csr) ? -1 : 1));
  const isAccepted = managed?.spec?.hubAcceptsClient === true;
  if (managed === undefined) throw new Error(await notAskedYet(client, cluster));
  const newest = pending.find(({ request }) => request.ok);
  if (newest === undefined && pending[0] !== undefined)
    throw new Error(refusal(pending[0].csr, pending[0].request));
  if (newest !== undefined) {
    const message = 'approved together with its cluster by hub approve';
    await decideCsr(client, newest.csr.metadata.name ?? '', { type: 'Approved', message, nowMs });
  }
  if (!isAccepted) {
    await client.patch(
      wellKnown.managedClusters,
      { name: cluster },
      { type: 'merge', body: { spec: { hubAcceptsClient: true } }, fieldManager: hubFieldManager },
    );
  }
  return { cluster, accepted: isAccepted ? 'already' : 'done', csr: newest?.csr.metadata.name };
}

function createdAt(csr: KubeObject): string {
  return csr.metadata.creationTimestamp ?? '';
}

function refusal(csr: CertificateSigningRequest, request: AgentRequest): string {
  return `the CSR ${csr.metadata.name} is not approved: ${request.ok ? 'unknown reason' : request.why}`;
}

async function getCluster(client: KubeClient, name: string): Promise<ManagedCluster | undefined> {
  try {
    return await client.get<ManagedCluster>(wellKnown.managedClusters, { name });
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function notAskedYet(client: KubeClient, cluster: string): Promise<string> {
  const { items } = await client.list<ManagedCluster>(wellKnown.managedClusters);
  const waiting = items
    .filter(({ spec }) => spec?.hubAcceptsClient !== true)
    .map(({ metadata }) => metadata.name);
  const hint = waiting.length === 0 ? 'no cluster is waiting' : `waiting: ${waiting.join(', ')}`;
  return `the cluster ${JSON.stringify(cluster)} has not asked to join (${hint}); run "klusterlet join" on it first`;
}
