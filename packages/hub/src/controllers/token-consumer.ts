/**
 * Uses up a bootstrap token once its certificate is in use: at the first report of the cluster that the token made,
 * or, when a cluster joins again, a minute after the certificate was issued (the klusterlet fetches it with the
 * token). So a join line that leaks later opens nothing. The Secret stays until it expires, to tell who used it.
 */
import {
  clusterCondition,
  clusterNameLabel,
  hasReason,
  hubFieldManager,
  isConditionTrue,
  type KubeObject,
  parseTime,
  tokenUsedByAnnotation,
} from '@flotilla/api';
import { type Controller, createController, wellKnown } from '@flotilla/kube';
import {
  bootstrapTokenId,
  bootstrapTokenNamespace,
  bootstrapTokenSecretName,
  clusterTokenAnnotation,
} from '../tokens/bootstrap-token.js';
import type { HubContext } from './context.js';
import type { CertificateSigningRequest } from './csr-approver.js';

const fetchGraceMs = 60_000;

interface Use {
  readonly tokenId: string;
  readonly cluster: string;
  /** When it counts as used, milliseconds since the epoch. */
  readonly fromMs: number;
}

export function createTokenConsumer(context: HubContext): Controller {
  const controller = createController({
    name: 'token-consumer',
    env: context.env,
    concurrency: 1,
    reconcile: async (key) => {
      const use = key.startsWith('cluster/')
        ? useByCluster(context, key.slice('cluster/'.length))
        : useByCsr(context, key.slice('csr/'.length));
      if (use === undefined) return undefined;
      const waitMs = use.fromMs - context.env.clock.now();
      if (waitMs > 0) return { requeueAfterMs: waitMs };
      await markUsed(context, use);
      return undefined;
    },
  });
  context.clusters.onChange(({ type, object, old }) => {
    const joinedNow = isJoined(object) && !(old !== undefined && isJoined(old));
    if (type !== 'deleted' && joinedNow) controller.enqueue(`cluster/${object.metadata.name}`);
  });
  context.csrs.onChange(({ type, object }) => {
    if (type !== 'deleted') controller.enqueue(`csr/${object.metadata.name}`);
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
  return { tokenId, cluster: name, fromMs: 0 };
}

function useByCsr({ csrs }: HubContext, name: string): Use | undefined {
  const csr = csrs.cache.get(name) as CertificateSigningRequest | undefined; // the informer's kind
  const tokenId = bootstrapTokenId(csr?.spec.username ?? '');
  const cluster = csr?.metadata.labels?.[clusterNameLabel];
  if (csr?.status?.certificate === undefined || tokenId === undefined || cluster === undefined)
    return undefined;
  return { tokenId, cluster, fromMs: parseTime(csr.metadata.creationTimestamp ?? '') + fetchGraceMs };
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
