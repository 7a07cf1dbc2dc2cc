/**
 * Which agents' certificates the hub does not believe any more, although they are in order: those of a cluster that
 * were issued before a time, and by their keys those that the hub has dated later, when its clock was ahead. Kept in a
 * ConfigMap, since it must outlive the ManagedCluster: a name that is used again must not let the former cluster in.
 * Kubernetes has no revocation; this is ours.
 */
import {
  clusterNameLabel,
  formatTime,
  hasReason,
  type KubeObject,
  type ManagedCluster,
  parseAgentUserName,
} from '@flotilla/api';
import { type Certificate, getIfThere, type KubeClient, wellKnown } from '@flotilla/kube';
import { type AgentKey, agentKeysOf, certifiedKey, issuedAtMs } from './agent-keys.js';

export const revocationsNamespace = 'kube-system';
export const revocationsName = 'flotilla-revoked-agents';

/** What is void of a cluster's certificates. */
export interface Revocation {
  /** Those issued before this. */
  readonly fromMs: number;
  /** Those of these keys (`sha256:<hex>`), whatever their date. */
  readonly keys: ReadonlySet<string>;
}

/** By the name of the cluster. */
export type Revocations = ReadonlyMap<string, Revocation>;

/** In the ConfigMap, behind the name of a cluster: its keys, separated by commas. No cluster's name has a point. */
const keysSuffix = '.keys';

export function readRevocations(configMap: KubeObject | undefined): Revocations {
  const data = (configMap?.['data'] ?? {}) as Readonly<Record<string, string>>; // v1 ConfigMap
  return new Map(
    Object.entries(data).flatMap(([cluster, time]) => {
      const fromMs = Date.parse(time);
      if (cluster.endsWith(keysSuffix) || !Number.isFinite(fromMs)) return [];
      return [[cluster, { fromMs, keys: new Set(data[cluster + keysSuffix]?.split(',')) }] as const];
    }),
  );
}

/** Whether the key is void, if it is one of the cluster's. */
export function isRevoked({ hash, issuedAtMs }: AgentKey, { fromMs, keys }: Revocation): boolean {
  return issuedAtMs < fromMs || keys.has(hash);
}

/** When the certificate's holder was revoked; undefined: it was not, or it is no agent's. */
export function revokedAtMs(
  certificate: Pick<Certificate, 'subject' | 'notBeforeMs' | 'publicKeyHash'>,
  revocations: Revocations,
): number | undefined {
  if (revocations.size === 0) return undefined;
  const identity = parseAgentUserName(certificate.subject.commonName);
  const revocation = identity && revocations.get(identity.cluster);
  if (revocation === undefined) return undefined;
  const key = { hash: certificate.publicKeyHash, issuedAtMs: issuedAtMs(certificate) };
  return isRevoked(key, revocation) ? revocation.fromMs : undefined;
}

export interface RevokeOptions {
  readonly cluster: string;
  /** Of the hub's clock. */
  readonly nowMs: number;
  /** Of a cluster that is not there any more, which could say it itself: its keys. */
  readonly former?: readonly AgentKey[];
}

/**
 * Voids all certificates of the cluster that were issued until now, by the hub's clock, and those that the hub knows to
 * have dated later. New ones count from the next whole second on, as certificates know no smaller part.
 */
export async function revokeAgents(
  client: KubeClient,
  { cluster, nowMs, former = [] }: RevokeOptions,
): Promise<Revocation> {
  const fromMs = (Math.floor(nowMs / 1000) + 1) * 1000;
  const known = [...former, ...(await knownKeys(client, cluster))];
  const late = known.filter((each) => each.issuedAtMs >= fromMs);
  const keys = new Set(late.map(({ hash }) => hash));
  const data = {
    [cluster]: formatTime(fromMs),
    [cluster + keysSuffix]: keys.size === 0 ? null : [...keys].join(','),
  };
  const key = { namespace: revocationsNamespace, name: revocationsName };
  const patch = { type: 'merge', body: { data } } as const;
  try {
    await client.patch(wellKnown.configMaps, key, patch);
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
    try {
      await client.create(wellKnown.configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: key });
    } catch (again) {
      if (!hasReason(again, 'AlreadyExists')) throw again;
    }
    await client.patch(wellKnown.configMaps, key, patch);
  }
  return { fromMs, keys };
}

/** What the cluster itself says, and requests whose key is not written down there yet. */
async function knownKeys(client: KubeClient, name: string): Promise<readonly AgentKey[]> {
  const cluster = await getIfThere<ManagedCluster>(client, wellKnown.managedClusters, { name });
  const requests = await client.list<KubeObject & { status?: { certificate?: string } }>(
    wellKnown.certificateSigningRequests,
    { labelSelector: `${clusterNameLabel}=${name}` },
  );
  const certified = requests.items.flatMap((csr) => certifiedKey(csr) ?? []);
  return [...(cluster === undefined ? [] : agentKeysOf(cluster)), ...certified];
}
