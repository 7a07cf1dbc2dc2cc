/** Writes down on each ManagedCluster which keys the hub has certified for its agents; see `identity/agent-keys.ts`. */
import { hubFieldManager, parseTime } from '@flotilla/api';
import { type Controller, createController, PkiError, parseCertificate, wellKnown } from '@flotilla/kube';
import { type AgentKey, agentKeysAnnotation, agentKeysOf, withAgentKey } from '../identity/agent-keys.js';
import { issuedAtMs } from '../identity/revocations.js';
import { yieldingToOthers } from './cluster-write.js';
import type { HubContext } from './context.js';
import { type CertificateSigningRequest, readAgentRequest } from './csr-approver.js';

export function createAgentKeyRecorder(context: HubContext): Controller {
  const controller = createController({
    name: 'agent-keys',
    env: context.env,
    reconcile: yieldingToOthers((name) => reconcile(context, name)),
  });
  context.csrs.onChange(({ type, object }) => {
    if (type !== 'deleted') controller.enqueue(object.metadata.name ?? '');
  });
  return controller;
}

async function reconcile({ client, clusters, csrs }: HubContext, name: string): Promise<undefined> {
  const csr = csrs.cache.get(name) as CertificateSigningRequest | undefined; // the informer's kind
  const key = csr && certifiedKey(csr);
  if (csr === undefined || key === undefined) return;
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

function certifiedKey({ status }: CertificateSigningRequest): AgentKey | undefined {
  if (!status?.certificate) return undefined;
  try {
    const certificate = parseCertificate(Buffer.from(status.certificate, 'base64').toString());
    return {
      hash: certificate.publicKeyHash,
      issuedAtMs: issuedAtMs(certificate),
      notAfterMs: certificate.notAfterMs,
    };
  } catch (error) {
    if (error instanceof PkiError) return undefined; // what somebody else has signed is no certificate
    throw error;
  }
}
