/**
 * The hub's memory of the keys that it has certified for a cluster: an annotation on its ManagedCluster that only the
 * hub writes. It outlives the certificate requests, which are cleared away after an hour, and says which expired
 * certificates may be renewed and what key a cluster has when another asks for its name. Pure.
 */
import { flotillaKey, formatTime, type KubeObject } from '@flotilla/api';

/** `<hash>@<time of issue>`, newest first, separated by commas. */
export const agentKeysAnnotation = flotillaKey('agent-keys');

/** A renewal that was lost on its way leaves a key behind that nobody has: the one before must still be known. */
const maxKeys = 4;

export interface AgentKey {
  /** `sha256:<hex>` of the SubjectPublicKeyInfo. */
  readonly hash: string;
  readonly issuedAtMs: number;
}

/** Newest first; what cannot be read is left out. */
export function agentKeysOf({ metadata }: Pick<KubeObject, 'metadata'>): readonly AgentKey[] {
  const text = metadata.annotations?.[agentKeysAnnotation] ?? '';
  return text.split(',').flatMap((entry) => {
    const [hash = '', time = ''] = entry.split('@');
    const issuedAtMs = Date.parse(time);
    return hash.startsWith('sha256:') && Number.isFinite(issuedAtMs) ? [{ hash, issuedAtMs }] : [];
  });
}

/** The annotation with one more key; undefined when it would say nothing new. */
export function withAgentKey(known: readonly AgentKey[], added: AgentKey): string | undefined {
  if (known.some(({ hash }) => hash === added.hash)) return undefined;
  const kept = [...known, added].sort((a, b) => b.issuedAtMs - a.issuedAtMs).slice(0, maxKeys);
  if (!kept.includes(added)) return undefined;
  return kept.map(({ hash, issuedAtMs }) => `${hash}@${formatTime(issuedAtMs)}`).join(',');
}
