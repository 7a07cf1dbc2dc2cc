/**
 * Whom the hub takes an agent for whose certificate has expired: a user of its own, who may ask for a new certificate
 * of the same identity and nothing else. Its key is the proof; see docs/decisions for why that is enough. Pure.
 */
import { agentUserName, flotillaKey, parseAgentUserName } from '@flotilla/api';

/** Gives what the ClusterRole of the same name grants. */
export const expiredAgentsGroup = 'flotilla:expired-agents';
/** In `extra` of the user: the hash of the certificate's public key. */
export const expiredAgentKeyExtra = flotillaKey('agent-key');

const userPrefix = 'flotilla:expired-agent:';
/** How long after its end a certificate can still be renewed: as long as the longest certificate lives. */
export const renewableForMs = 365 * 86_400_000;

export interface ExpiredAgentUser {
  readonly username: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Undefined for certificates of anybody but agents, and for those that expired too long ago. */
export function expiredAgentUser(
  certificate: { subject: { commonName: string }; notAfterMs: number; publicKeyHash: string },
  nowMs: number,
): ExpiredAgentUser | undefined {
  const identity = parseAgentUserName(certificate.subject.commonName);
  if (identity === undefined || nowMs - certificate.notAfterMs > renewableForMs) return undefined;
  return {
    username: `${userPrefix}${identity.cluster}:${identity.agent}`,
    // Without `system:authenticated`: what everybody may do is not for it.
    groups: [expiredAgentsGroup, 'system:unauthenticated'],
    extra: { [expiredAgentKeyExtra]: [certificate.publicKeyHash] },
  };
}

/** Cluster and agent of such a user; undefined for every other user. */
export function parseExpiredAgent(username: string): { cluster: string; agent: string } | undefined {
  if (!username.startsWith(userPrefix)) return undefined;
  const [cluster = '', agent = '', ...rest] = username.slice(userPrefix.length).split(':');
  return rest.length === 0 ? parseAgentUserName(agentUserName(cluster, agent)) : undefined;
}
