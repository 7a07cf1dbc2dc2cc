/**
 * Writes down on each ManagedCluster which keys the hub has certified for its agents; see `identity/agent-keys.ts`. A
 * request whose key is not written down yet is kept in mind: after a pause, or a long sleep of the machine, it may be
 * cleared away before the next attempt, and nobody else knows the key.
 */
import { hubFieldManager, parseTime } from '@flotilla/api';
import { type Controller, createController, wellKnown } from '@flotilla/kube';
import { agentKeysAnnotation, agentKeysOf, certifiedKey, withAgentKey } from '../identity/agent-keys.js';
import { yieldingToOthers } from './cluster-write.js';
import type { HubContext } from './context.js';
import { type CertificateSigningRequest, readAgentRequest } from './csr-approver.js';

export function createAgentKeyRecorder(context: HubContext): Controller {
  const issued = new Map<string, CertificateSigningRequest>();
  const controller = createController({
    name: 'agent-keys',
    env: context.env,
    // One at a time would fall behind a fleet that joins: each waits for its write.
    concurrency: 4,
    reconcile: yieldingToOthers(async (name) => {
      const csr = issued.get(name);
      if (csr !== undefined) await record(context, csr);
      if (issued.get(name) === csr) issued.delete(name);
      return undefined;
    }),
  });
  context.csrs.onChange(({ type, object }) => {
    const csr = object as CertificateSigningRequest; // the informer's kind
    const { name = '' } = csr.metadata;
    if (type === 'deleted' || !csr.status?.certificate) return;
    issued.set(name, csr);
    controller.enqueue(name);
  });
  return controller;
}

async function record({ client, clusters }: HubContext, csr: CertificateSigningRequest): Promise<void> {
  const key = certifiedKey(csr);
  if (key === undefined) return;
  const request = readAgentRequest(csr);
  if (!request.ok) return;
  const cluster = clusters.cache.get(request.cluster);
  // What was issued before the cluster was made is the key of a former one of its name.
  if (cluster === undefined || key.issuedAtMs < parseTime(cluster.metadata.creationTimestamp ?? '')) return;
  const annotation = withAgentKey(agentKeysOf(cluster), key);
  if (annotation === undefined) return;
  const { uid, resourceVersion } = cluster.metadata;
  await client.patch(
    wellKnown.managedClusters,
    { name: request.cluster },
    {
      type: 'merge',
      body: { metadata: { uid, resourceVersion, annotations: { [agentKeysAnnotation]: annotation } } },
      fieldManager: hubFieldManager,
    },
  );
}
