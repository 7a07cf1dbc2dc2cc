/**
 * Uses up a bootstrap token once its certificate is in use: at the first report of the cluster that the token made, or,
 * when a cluster joins again, at a heartbeat that comes a minute or more after the certificate was issued (those before
 * may be of the agent that it replaces). Until then the klusterlet may still have to fetch it, with the token, however
 * long it is cut off. With the request, which is cleared away after an hour, the token's time is over, too. So a join line
 * that leaks later opens nothing. The Secret stays until it expires, to tell who used it.
 */
import {
  clusterCondition,
  clusterNameLabel,
  hasReason,
  hubFieldManager,
  isConditionTrue,
  type KubeObject,
  tokenUsedByAnnotation,
} from '@flotilla/api';
import { type Controller, createController, wellKnown } from '@flotilla/kube';
import {
  bootstrapTokenId,
  bootstrapTokenNamespace,
  bootstrapTokenSecretName,
  clusterTokenAnnotation,
} from '../tokens/bootstrap-token.js';
import { renewTimeOf } from './cluster-lease.js';
import type { HubContext } from './context.js';
import type { CertificateSigningRequest } from './csr-approver.js';

const heartbeatGraceMs = 60_000;

interface Use {
  readonly tokenId: string;
  readonly cluster: string;
}

/** Of a token by a certificate request. */
interface Issue extends Use {
  readonly approvedAtMs: number;
  /** The certificate is in use, or nobody can fetch it any more. */
  isOver: boolean;
}

export function createTokenConsumer(context: HubContext): Controller {
  /** By cluster, then by the name of the request. */
  const open = new Map<string, Map<string, Issue>>();
  const controller = createController({
    name: 'token-consumer',
    env: context.env,
    concurrency: 4,
    reconcile: async (key) => {
      const [what = '', cluster = '', csr = ''] = key.split('/');
      if (what === 'cluster') {
        const use = useByCluster(context, cluster);
        if (use !== undefined) await markUsed(context, use);
        return undefined;
      }
      const issues = open.get(cluster);
      const issue = issues?.get(csr);
      if (issue?.isOver !== true) return undefined; // a heartbeat brings it back
      await markUsed(context, issue);
      issues?.delete(csr);
      if (issues?.size === 0) open.delete(cluster);
      return undefined;
    },
  });
  const end = (name: string, issue: Issue): void => {
    issue.isOver = true;
    controller.enqueue(`csr/${issue.cluster}/${name}`);
  };
  context.clusters.onChange(({ type, object, old }) => {
    const joinedNow = isJoined(object) && !(old !== undefined && isJoined(old));
    if (type !== 'deleted' && joinedNow) controller.enqueue(`cluster/${object.metadata.name}`);
  });
  context.csrs.onChange(({ type, object }) => {
    const issue = issueOf(object as CertificateSigningRequest); // the informer's kind
    if (issue === undefined) return;
    const { name = '' } = object.metadata;
    const issues = open.get(issue.cluster) ?? new Map<string, Issue>();
    open.set(issue.cluster, issues);
    const known = issues.get(name) ?? issue;
    issues.set(name, known);
    if (type === 'deleted') end(name, known);
  });
  context.leases.onChange(({ type, object, old }) => {
    const issues = open.get(object.metadata.namespace ?? '');
    if (issues === undefined || type !== 'updated' || renewTimeOf(object) === renewTimeOf(old)) return;
    const nowMs = context.env.clock.now();
    for (const [name, issue] of issues) {
      if (nowMs >= issue.approvedAtMs + heartbeatGraceMs) end(name, issue);
    }
  });
  return controller;
}

function isJoined(cluster: Parameters<typeof isConditionTrue>[0]): boolean {
  return isConditionTrue(cluster, clusterCondition.joined);
}

function useByCluster({ clusters }: HubContext, name: string): Use | undefined {
  const cluster = clusters.cache.get(name);
  const tokenId = cluster?.metadata.annotations?.[clusterTokenAnnotation];
  if (cluster === undefined || tokenId === undefined || !isJoined(cluster)) return undefined;
  return { tokenId, cluster: name };
}

/** Undefined: it was not made with a token, or has no certificate yet. */
function issueOf({ metadata, spec, status }: CertificateSigningRequest): Issue | undefined {
  const tokenId = bootstrapTokenId(spec.username ?? '');
  const cluster = metadata.labels?.[clusterNameLabel];
  if (status?.certificate === undefined || tokenId === undefined || cluster === undefined) return undefined;
  const approval = status.conditions?.find(({ type }) => type === 'Approved');
  const approvedAtMs = Date.parse(approval?.lastUpdateTime ?? metadata.creationTimestamp ?? '');
  return { tokenId, cluster, approvedAtMs, isOver: false };
}

async function markUsed({ client, env }: HubContext, use: Use): Promise<void> {
  const key = { namespace: bootstrapTokenNamespace, name: bootstrapTokenSecretName(use.tokenId) };
  try {
    // Cluster and request both tell of a use, and both are seen again at every start.
    const secret = await client.get<KubeObject>(wellKnown.secrets, key);
    if (secret.metadata.annotations?.[tokenUsedByAnnotation] === use.cluster) return;
    await client.patch(wellKnown.secrets, key, {
      type: 'merge',
      body: { metadata: { annotations: { [tokenUsedByAnnotation]: use.cluster } } },
      fieldManager: hubFieldManager,
    });
    env.log.info('bootstrap token used up', { tokenId: use.tokenId, cluster: use.cluster });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
