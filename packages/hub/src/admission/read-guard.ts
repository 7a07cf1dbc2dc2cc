/**
 * Whose certificate requests and clusters may be read by those who are not trusted yet, or with one cluster only
 * (registration.md 10.6, 6): RBAC cannot tell whose a request is. Lists and watches must say by a selector that they
 * are about the own cluster, as OCM's agents do; single objects are looked at.
 */
import {
  clusterGroupName,
  clusterNameLabel,
  type KubeObject,
  type ManagedCluster,
  newForbidden,
} from '@flotilla/api';
import { getIfThere, type KubeClient, wellKnown } from '@flotilla/kube';
import { agentCluster } from '../identity/agent-identity.js';
import { parseExpiredAgent } from '../identity/expired-agent.js';
import {
  bootstrapTokenId,
  bootstrapTokenNamespace,
  bootstrapTokenSecretName,
  tokenClusterAnnotation,
} from '../tokens/bootstrap-token.js';
import { noteSource } from './csr-source-rule.js';
import type { GuardedRequest } from './guarded-request.js';
import { nameTaken } from './name-taken.js';
import { readingFrom } from './own-reads.js';

/** Refuses by rejecting with a StatusError; undefined for what is none of its business. */
export type ReadGuard = (request: GuardedRequest) => Promise<void> | undefined;

const reads = new Set(['get', 'list', 'watch']);

export function createReadGuard(client: () => KubeClient): ReadGuard {
  return (request) => {
    noteSource(request);
    const { group, resource, verb, user } = request;
    const isCsr = resource === 'certificatesigningrequests' && group === 'certificates.k8s.io';
    const isCluster = resource === 'managedclusters' && group === clusterGroupName;
    if ((!isCsr && !isCluster) || !reads.has(verb)) return undefined;
    const token = bootstrapTokenId(user.username);
    const cluster = parseExpiredAgent(user.username)?.cluster ?? agentCluster(user);
    if (token === undefined && cluster === undefined) return undefined;
    // What agents see of clusters stands in their RBAC rules, by name.
    if (isCluster && token === undefined) return undefined;
    return check(readingFrom(client(), request.client), request, { token, cluster, isCsr });
  };
}

interface Reader {
  readonly token: string | undefined;
  readonly cluster: string | undefined;
  readonly isCsr: boolean;
}

async function check(client: KubeClient, request: GuardedRequest, reader: Reader): Promise<void> {
  const { group, resource, name: asked, query } = request;
  const refuse = (why: string): never => {
    throw newForbidden({ group, resource, name: asked ?? '' }, why);
  };
  const cluster = reader.cluster ?? (await clusterOfToken(client, reader.token ?? ''));
  const name = asked ?? selected(query.get('fieldSelector'), 'metadata.name');
  if (!reader.isCsr) {
    if (name === undefined) return refuse('a bootstrap token sees one cluster, by its name');
    if (cluster === name) return;
    if (cluster !== undefined)
      refuse(
        `the bootstrap token is for the cluster ${JSON.stringify(cluster)} only; make another with "hub token create"`,
      );
    // Before it is bound, a klusterlet asks whether its name is free; who is in already is none of its business.
    if (await isAccepted(client, name)) refuse(nameTaken(name));
    return;
  }
  if (name === undefined) {
    const label = selected(query.get('labelSelector'), clusterNameLabel);
    if (cluster !== undefined && label === cluster) return;
    return refuse(
      `only requests of the own cluster can be seen: select them by the label ${clusterNameLabel}`,
    );
  }
  const csr = await getCsr(client, name);
  if (csr === undefined) return; // there is nothing to see; names of requests are made by the hub, at random
  if (csr.metadata.labels?.[clusterNameLabel] !== cluster || cluster === undefined)
    refuse('it is not a request of the own cluster');
}

/** The value that an equality selector wants for the key; undefined: it leaves the key open. */
function selected(selector: string | null, key: string): string | undefined {
  for (const term of (selector ?? '').split(',')) {
    const match = /^\s*([^=!\s]+)\s*==?\s*([^=!\s]+)\s*$/.exec(term);
    if (match?.[1] === key) return match[2];
  }
  return undefined;
}

async function clusterOfToken(client: KubeClient, id: string): Promise<string | undefined> {
  const key = { namespace: bootstrapTokenNamespace, name: bootstrapTokenSecretName(id) };
  const token = await getIfThere<KubeObject>(client, wellKnown.secrets, key);
  return token?.metadata.annotations?.[tokenClusterAnnotation];
}

async function isAccepted(client: KubeClient, name: string): Promise<boolean> {
  const cluster = await getIfThere<ManagedCluster>(client, wellKnown.managedClusters, { name });
  return cluster?.spec?.hubAcceptsClient === true;
}

function getCsr(client: KubeClient, name: string): Promise<KubeObject | undefined> {
  return getIfThere<KubeObject>(client, wellKnown.certificateSigningRequests, { name });
}
