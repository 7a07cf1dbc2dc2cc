/**
 * The hub's memory of the keys that it has certified for a cluster: an annotation on its ManagedCluster that only the
 * hub writes. It outlives the certificate requests, which are cleared away after an hour, and says which expired
 * certificates may be renewed and what key a cluster has when another asks for its name. Pure.
 */
import { flotillaKey, formatTime, type KubeObject } from '@flotilla/api';
import { type Certificate, PkiError, parseCertificate } from '@flotilla/kube';

/** `<hash>@<time of issue>@<end of the certificate>`, newest first, separated by commas; older hubs left the end out. */
export const agentKeysAnnotation = flotillaKey('agent-keys');

/** A renewal that was lost on its way leaves a key behind that nobody has: the one before must still be known. */
const maxKeys = 4;

/** The hub's signer dates certificates back by this, for clocks that are behind. */
const backdateMs = 5 * 60_000;

export interface AgentKey {
  /** `sha256:<hex>` of the SubjectPublicKeyInfo. */
  readonly hash: string;
  readonly issuedAtMs: number;
  /** When its certificate ends; absent where it was not written down. */
  readonly notAfterMs?: number;
}

/** Newest first; what cannot be read is left out. */
export function agentKeysOf({ metadata }: Pick<KubeObject, 'metadata'>): readonly AgentKey[] {
  const text = metadata.annotations?.[agentKeysAnnotation] ?? '';
  return text.split(',').flatMap((entry) => {
    const [hash = '', issued = '', end = ''] = entry.split('@');
    const [issuedAtMs, notAfterMs] = [Date.parse(issued), Date.parse(end)];
    if (!hash.startsWith('sha256:') || !Number.isFinite(issuedAtMs)) return [];
    return [{ hash, issuedAtMs, ...(Number.isFinite(notAfterMs) && { notAfterMs }) }];
  });
}

/** The annotation with one more key; undefined when it would say nothing new. */
export function withAgentKey(known: readonly AgentKey[], added: AgentKey): string | undefined {
  if (known.some(({ hash }) => hash === added.hash)) return undefined;
  const kept = [...known, added].sort((a, b) => b.issuedAtMs - a.issuedAtMs).slice(0, maxKeys);
  if (!kept.includes(added)) return undefined;
  return kept
    .map(({ hash, issuedAtMs, notAfterMs }) =>
      [hash, formatTime(issuedAtMs), ...(notAfterMs === undefined ? [] : [formatTime(notAfterMs)])].join('@'),
    )
    .join(',');
}

/** When a certificate of the hub's signer was issued, in whole seconds. */
export function issuedAtMs({ notBeforeMs }: Pick<Certificate, 'notBeforeMs'>): number {
  return notBeforeMs + backdateMs;
}

/** The key that a certificate request has brought a certificate for; undefined: none yet, or what is there is none. */
export function certifiedKey(csr: {
  readonly status?: { readonly certificate?: string };
}): AgentKey | undefined {
  if (!csr.status?.certificate) return undefined;
  try {
    const certificate = parseCertificate(Buffer.from(csr.status.certificate, 'base64').toString());
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
