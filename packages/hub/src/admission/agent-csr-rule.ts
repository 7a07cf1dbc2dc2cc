/**
 * What an agent may ask a certificate for: its own identity, or an add-on of its cluster. An agent whose certificate has
 * expired may ask for its own identity only, and only with the key that the hub knows; nothing of that needs a
 * person, as nobody else can ask it.
 */
import {
  addonNameLabel,
  clusterNameLabel,
  kubeClientSigner,
  type ManagedCluster,
  newForbidden,
  parseAgentUserName,
} from '@flotilla/api';
import { getIfThere, type KubeClient, parseCertificateRequest, wellKnown } from '@flotilla/kube';
import { type CertificateSigningRequest, readAgentRequest } from '../controllers/csr-approver.js';
import { agentCluster } from '../identity/agent-identity.js';
import { agentKeysOf } from '../identity/agent-keys.js';
import { expiredAgentKeyExtra, parseExpiredAgent } from '../identity/expired-agent.js';
import type { AdmissionRequest, AdmissionRule, Requester } from './rule.js';

const csrGroup = 'certificates.k8s.io';

export const agentCsrRule: AdmissionRule = {
  name: 'agent-csr',
  group: csrGroup,
  resource: 'certificatesigningrequests',
  operations: ['CREATE'],
  mutating: false,
  check: async (request, client) => {
    const why = await refusal(request, client);
    if (why === undefined) return;
    const { name } = request;
    throw newForbidden({ group: csrGroup, resource: 'certificatesigningrequests', name }, why);
  },
};

async function refusal({ object, user }: AdmissionRequest, client: KubeClient): Promise<string | undefined> {
  const csr = object as CertificateSigningRequest; // the rule's own resource
  const expired = parseExpiredAgent(user.username);
  if (expired !== undefined) {
    return otherIdentity(csr, expired) ?? (await whyNotRenewed(client, { user, cluster: expired.cluster }));
  }
  const cluster = agentCluster(user);
  if (cluster === undefined) return undefined;
  if (csr.metadata.labels?.[clusterNameLabel] !== cluster)
    return `an agent of ${cluster} asks for certificates of ${cluster} only: the label ${clusterNameLabel} has to say so`;
  if (csr.metadata.labels[addonNameLabel] !== undefined) return foreignAddon(csr, cluster);
  const own = parseAgentUserName(user.username);
  return own === undefined ? `${user.username} is no agent's name` : otherIdentity(csr, own);
}

function otherIdentity(
  csr: CertificateSigningRequest,
  own: { cluster: string; agent: string },
): string | undefined {
  const wanted = readAgentRequest(csr);
  if (!wanted.ok) return `an agent asks for a certificate of its own only: ${wanted.why}`;
  return wanted.cluster === own.cluster && wanted.agent === own.agent
    ? undefined
    : 'an agent asks for a certificate of its own identity only';
}

/** A signer of the add-on's own decides by itself; for clients of the hub the name must be the add-on's. */
function foreignAddon(csr: CertificateSigningRequest, cluster: string): string | undefined {
  if (csr.spec.signerName !== kubeClientSigner) return undefined;
  const addon = csr.metadata.labels?.[addonNameLabel] ?? '';
  const group = `system:open-cluster-management:cluster:${cluster}:addon:${addon}`;
  const allowed = [group, `system:open-cluster-management:addon:${addon}`, 'system:authenticated'];
  const { commonName, organizations } = parseCertificateRequest(
    Buffer.from(csr.spec.request, 'base64').toString(),
  );
  const foreign = organizations.find((organization) => !allowed.includes(organization));
  if (foreign !== undefined)
    return `the organization ${foreign} is not that of the add-on ${addon} of ${cluster}`;
  return commonName.startsWith(`${group}:agent:`)
    ? undefined
    : `the common name ${JSON.stringify(commonName)} is not that of the add-on ${addon} of ${cluster}`;
}

async function whyNotRenewed(
  client: KubeClient,
  { user, cluster }: { user: Requester; cluster: string },
): Promise<string | undefined> {
  const managed = await getIfThere<ManagedCluster>(client, wellKnown.managedClusters, { name: cluster });
  if (managed === undefined)
    return `the hub does not know the cluster ${cluster} any more: join again with a new join string`;
  if (managed.spec?.hubAcceptsClient !== true) return `the hub does not accept the cluster ${cluster}`;
  const [key = ''] = user.extra?.[expiredAgentKeyExtra] ?? [];
  return agentKeysOf(managed).some(({ hash }) => hash === key)
    ? undefined
    : `the expired certificate is not the last one of ${cluster}: join again with a new join string`;
}
