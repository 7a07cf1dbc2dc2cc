/**
 * Accepts and approves clusters whose bootstrap token an operator made with `--approve`: the decision was made with
 * the token, for the one cluster that it is bound to. Requests in any other form, or for another cluster, wait for a
 * person as ever. A cluster that an operator has denied meanwhile is not accepted again.
 */
import {
  clusterCondition,
  findCondition,
  hasReason,
  hubFieldManager,
  type KubeObject,
  type ManagedCluster,
} from '@flotilla/api';
import { type Controller, createController, getIfThere, wellKnown } from '@flotilla/kube';
import {
  bootstrapTokenId,
  bootstrapTokenNamespace,
  bootstrapTokenSecretName,
  tokenClusterAnnotation,
} from '../tokens/bootstrap-token.js';
import { readTerms } from '../tokens/token-terms.js';
import type { HubContext } from './context.js';
import {
  type CertificateSigningRequest,
  isPending,
  readAgentRequest,
  withCsrCondition,
} from './csr-approver.js';

export const preapprovedReason = 'PreapprovedByToken';

export function createPreapprovedJoins(context: HubContext): Controller {
  const controller = createController({
    name: 'preapproved-joins',
    env: context.env,
    concurrency: 4,
    reconcile: async (name) => {
      const csr = context.csrs.cache.get(name) as CertificateSigningRequest | undefined; // the informer's kind
      if (csr !== undefined && isPending(csr)) await decide(context, csr);
      return undefined;
    },
  });
  context.csrs.onChange(({ type, object }) => {
    const csr = object as CertificateSigningRequest; // the informer's kind
    if (type !== 'deleted' && isPending(csr) && bootstrapTokenId(csr.spec.username ?? '') !== undefined)
      controller.enqueue(object.metadata.name ?? '');
  });
  return controller;
}

async function decide(context: HubContext, csr: CertificateSigningRequest): Promise<void> {
  const { client, env } = context;
  const id = bootstrapTokenId(csr.spec.username ?? '');
  const request = readAgentRequest(csr);
  if (id === undefined || !request.ok) return;
  const token = await getIfThere<KubeObject>(client, wellKnown.secrets, {
    namespace: bootstrapTokenNamespace,
    name: bootstrapTokenSecretName(id),
  });
  const isOfToken = token?.metadata.annotations?.[tokenClusterAnnotation] === request.cluster;
  if (token === undefined || !isOfToken || readTerms(token).approve !== true) return;
  const cluster = await getIfThere<ManagedCluster>(client, wellKnown.managedClusters, {
    name: request.cluster,
  });
  if (cluster === undefined || isDenied(cluster)) return;
  // Before the certificate: the cluster's first requests with it should find their rights.
  if (cluster.spec?.hubAcceptsClient !== true) {
    const body = { spec: { hubAcceptsClient: true } };
    const patch = { type: 'merge', body, fieldManager: hubFieldManager } as const;
    await client.patch(wellKnown.managedClusters, { name: request.cluster }, patch);
  }
  const message = `the bootstrap token ${id} was made with approval for ${request.cluster}`;
  const update = withCsrCondition(csr, {
    type: 'Approved',
    reason: preapprovedReason,
    message,
    nowMs: env.clock.now(),
  });
  try {
    const options = { subresource: 'approval', fieldManager: hubFieldManager };
    await client.update(wellKnown.certificateSigningRequests, update, options);
    env.log.info('join approved by its token', {
      cluster: request.cluster,
      csr: csr.metadata.name,
      token: id,
    });
  } catch (error) {
    if (!hasReason(error, 'Conflict', 'NotFound')) throw error; // its event brings it back here
  }
}

function isDenied({ status }: ManagedCluster): boolean {
  return findCondition(status?.conditions, clusterCondition.hubAccepted)?.status === 'False';
}
