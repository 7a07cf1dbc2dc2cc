/**
 * Which agents' certificates the hub does not believe any more, although they are in order: those of a cluster that
 * were issued before a time. Kept in a ConfigMap, since it must outlive the ManagedCluster: a name that is used again
 * must not let the former cluster in. Kubernetes has no revocation; this is ours.
 */
import { formatTime, hasReason, type KubeObject, parseAgentUserName } from '@flotilla/api';
import { type Certificate, type KubeClient, wellKnown } from '@flotilla/kube';

export const revocationsNamespace = 'kube-system';
export const revocationsName = 'flotilla-revoked-agents';

/** The hub's signer dates certificates back by this, for clocks that are behind. */
const backdateMs = 5 * 60_000;

/** When a certificate of the hub's signer was issued, in whole seconds. */
export function issuedAtMs({ notBeforeMs }: Pick<Certificate, 'notBeforeMs'>): number {
  return notBeforeMs + backdateMs;
}

/** Cluster name -> certificates issued before this are void. */
export type Revocations = ReadonlyMap<string, number>;

export function readRevocations(configMap: KubeObject | undefined): Revocations {
  const data = (configMap?.['data'] ?? {}) as Readonly<Record<string, string>>; // v1 ConfigMap
  return new Map(
    Object.entries(data).flatMap(([cluster, time]) => {
      const ms = Date.parse(time);
      return Number.isFinite(ms) ? [[cluster, ms] as const] : [];
    }),
  );
}

/** When the certificate's holder was revoked; undefined: it was not, or it is no agent's. */
export function revokedAtMs(
  certificate: Pick<Certificate, 'subject' | 'notBeforeMs'>,
  revocations: Revocations,
): number | undefined {
  if (revocations.size === 0) return undefined;
  const identity = parseAgentUserName(certificate.subject.commonName);
  const time = identity && revocations.get(identity.cluster);
  return time !== undefined && issuedAtMs(certificate) < time ? time : undefined;
}

/**
 * Voids all certificates of the cluster that were issued until now, by the hub's clock. Answers the time from which on
 * new ones count: the next whole second, as certificates know no smaller part.
 */
export async function revokeAgents(
  client: KubeClient,
  { cluster, nowMs }: { cluster: string; nowMs: number },
): Promise<number> {
  const fromMs = (Math.floor(nowMs / 1000) + 1) * 1000;
  const body = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: revocationsName, namespace: revocationsNamespace },
    data: { [cluster]: formatTime(fromMs) },
  };
  const key = { namespace: revocationsNamespace, name: revocationsName };
  try {
    await client.patch(wellKnown.configMaps, key, { type: 'merge', body: { data: body.data } });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
    try {
      await client.create(wellKnown.configMaps, body);
    } catch (late) {
      if (!hasReason(late, 'AlreadyExists')) throw late;
      await client.patch(wellKnown.configMaps, key, { type: 'merge', body: { data: body.data } });
    }
  }
  return fromMs;
}
