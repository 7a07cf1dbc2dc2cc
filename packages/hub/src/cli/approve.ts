/** `hub approve` and `hub csr …`: an operator's word on who may join. */
import {
  clusterCondition,
  clusterNameLabel,
  hasReason,
  hubFieldManager,
  isConditionTrue,
  type KubeObject,
  type ManagedCluster,
} from '@flotilla/api';
import { type Env, getIfThere, type KubeClient, sleep, wellKnown } from '@flotilla/kube';
import { didYouMean } from '@flotilla/kube/cli';
import {
  type CertificateSigningRequest,
  isPending,
  readAgentRequest,
  withCsrCondition,
} from '../controllers/csr-approver.js';

import { type RequestView, viewRequest } from './request-view.js';

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
    const decided = (csr.status?.conditions ?? []).map(({ type }) => type);
    if (decided.includes(decision.type)) return 'already';
    const opposite = decision.type === 'Approved' ? 'Denied' : 'Approved';
    if (decided.includes(opposite)) {
      throw new Error(
        `the CSR ${name} was already ${opposite.toLowerCase()}, which is final; the klusterlet can ask again ("klusterlet join")`,
      );
    }
    const reason = decision.type === 'Approved' ? 'HubApprove' : 'HubDeny';
    const update = withCsrCondition(csr, { ...decision, reason });
    try {
      await client.update(wellKnown.certificateSigningRequests, update, {
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
  /** The request that was approved now. */
  readonly csr: string | undefined;
  /** What was approved now; absent: nothing. */
  readonly request?: RequestView;
  /** The cluster has, or had, a certificate request that is not refused. */
  readonly asked: boolean;
}

export interface ApproveOptions {
  readonly env: Pick<Env, 'clock'>;
  /** On the monotonic clock: how long a cluster that has not asked, or not for a certificate, is waited for. */
  readonly deadlineMs: number;
  /** Only a request with this key is approved. */
  readonly fingerprint?: string | undefined;
  /** Told once what is waited for. */
  readonly note: (text: string) => void;
}

const pollMs = 250;

/**
 * Accepts a cluster and approves its newest pending CSR. A klusterlet makes its ManagedCluster first and its CSR a
 * moment later, so both are waited for.
 * @throws Error with what to do when the cluster has not asked to join.
 */
export async function approveCluster(
  client: KubeClient,
  cluster: string,
  options: ApproveOptions,
): Promise<ApproveResult> {
  const { clock } = options.env;
  const managed = await waitFor(options, `${cluster} to ask to join`, () => getCluster(client, cluster));
  if (managed === undefined) throw new Error(await notAskedYet(client, cluster));
  const isJoined = isConditionTrue(managed, clusterCondition.joined);
  const known = await waitFor(options, `the certificate request of ${cluster}`, async () => {
    const requests = await listRequests(client, managed);
    return isJoined || requests.length > 0 ? requests : undefined;
  });
  const requests = known ?? [];
  const pending = requests.filter((csr) => isPending(csr));
  const readable = pending.find((csr) => readAgentRequest(csr).ok);
  if (readable === undefined && pending[0] !== undefined) throw new Error(refusal(pending[0]));
  const view = readable && viewRequest(readable, managed);
  if (options.fingerprint !== undefined && view?.fingerprint !== options.fingerprint)
    throw new Error(otherKey(cluster, { wanted: options.fingerprint, view }));
  const isAccepted = managed.spec?.hubAcceptsClient === true;
  // Before the certificate: the cluster's first requests with it should find their rights.
  if (!isAccepted) {
    await client.patch(
      wellKnown.managedClusters,
      { name: cluster },
      { type: 'merge', body: { spec: { hubAcceptsClient: true } }, fieldManager: hubFieldManager },
    );
  }
  if (readable !== undefined) {
    const message = 'approved together with its cluster by hub approve';
    await decideCsr(client, readable.metadata.name ?? '', {
      type: 'Approved',
      message,
      nowMs: clock.now(),
    });
  }
  return {
    cluster,
    accepted: isAccepted ? 'already' : 'done',
    csr: readable?.metadata.name,
    ...(view && { request: view }),
    asked: isJoined || requests.length > 0,
  };
}

/** Undefined when the deadline passes first. */
async function waitFor<T>(
  { env, deadlineMs, note }: ApproveOptions,
  what: string,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  for (let isTold = false; ; isTold = true) {
    const found = await look();
    const leftMs = deadlineMs - env.clock.monotonicMs();
    if (found !== undefined || leftMs <= 0) return found;
    if (!isTold) note(`waiting up to ${Math.ceil(leftMs / 1000)}s for ${what}`);
    await sleep(env.clock, Math.min(pollMs, leftMs));
  }
}

/**
 * Requests of the cluster that nobody has refused, newest first. What was answered before the cluster was made was for
 * a former one of its name; what waits since then is the same klusterlet's.
 */
async function listRequests(
  client: KubeClient,
  { metadata: { name = '', creationTimestamp } }: ManagedCluster,
): Promise<CertificateSigningRequest[]> {
  const { items } = await client.list<CertificateSigningRequest>(wellKnown.certificateSigningRequests, {
    labelSelector: `${clusterNameLabel}=${name}`,
  });
  const refused = ({ status }: CertificateSigningRequest): boolean =>
    (status?.conditions ?? []).some(({ type }) => type === 'Denied' || type === 'Failed');
  const isFormer = (csr: CertificateSigningRequest): boolean =>
    !isPending(csr) && createdAt(csr) < (creationTimestamp ?? '');
  return items
    .filter((csr) => !refused(csr) && !isFormer(csr))
    .sort((a, b) => createdAt(b).localeCompare(createdAt(a)));
}

function otherKey(
  cluster: string,
  { wanted, view }: { wanted: string; view: RequestView | undefined },
): string {
  const found =
    view === undefined
      ? 'no certificate request is pending'
      : `the request that is pending has the key ${view.fingerprint}, from ${view.source || 'an unknown address'}`;
  return `${cluster} is not approved: --fingerprint says ${wanted}, and ${found}; compare with what "klusterlet join" printed`;
}

function createdAt(csr: KubeObject): string {
  return csr.metadata.creationTimestamp ?? '';
}

function refusal(csr: CertificateSigningRequest): string {
  const request = readAgentRequest(csr);
  return `the CSR ${csr.metadata.name} is not approved: ${request.ok ? 'unknown reason' : request.why}`;
}

function getCluster(client: KubeClient, name: string): Promise<ManagedCluster | undefined> {
  return getIfThere(client, wellKnown.managedClusters, { name });
}

async function notAskedYet(client: KubeClient, cluster: string): Promise<string> {
  const { items } = await client.list<ManagedCluster>(wellKnown.managedClusters);
  const waiting = items
    .filter(({ spec }) => spec?.hubAcceptsClient !== true)
    .map(({ metadata }) => metadata.name);
  const hint = waiting.length === 0 ? 'no cluster is waiting' : `waiting: ${waiting.join(', ')}`;
  const names = items.map(({ metadata }) => metadata.name ?? '');
  return `the cluster ${JSON.stringify(cluster)} has not asked to join (${hint}); run "klusterlet join" on it first${didYouMean(cluster, names)}`;
}
