/** What an operator has to see of a certificate request before saying yes: whose key, from where, instead of which. Pure. */

import { type KubeObject, keyFingerprint } from '@flotilla/api';
import { PkiError, parseCertificateRequest } from '@flotilla/kube';
import { sourceAddressAnnotation } from '../admission/csr-source-rule.js';
import type { CertificateSigningRequest } from '../controllers/csr-approver.js';
import { agentKeysOf } from '../identity/agent-keys.js';

export interface RequestView {
  /** As `klusterlet join` prints it; `unreadable` when the request is damaged. */
  readonly fingerprint: string;
  readonly source: string;
  /** What the key is to the cluster of that name. */
  readonly key: 'first' | 'known' | 'another';
  /** The key that the cluster has, when this is another. */
  readonly present?: string;
}

export function viewRequest(csr: CertificateSigningRequest, cluster: KubeObject | undefined): RequestView {
  const hash = hashOf(csr);
  const keys = cluster === undefined ? [] : agentKeysOf(cluster);
  const source = csr.metadata.annotations?.[sourceAddressAnnotation] ?? '';
  const fingerprint = hash === undefined ? 'unreadable' : keyFingerprint(hash);
  const [present] = keys;
  if (present === undefined) return { fingerprint, source, key: 'first' };
  if (keys.some((known) => known.hash === hash)) return { fingerprint, source, key: 'known' };
  return { fingerprint, source, key: 'another', present: keyFingerprint(present.hash) };
}

function hashOf(csr: CertificateSigningRequest): string | undefined {
  try {
    return parseCertificateRequest(Buffer.from(csr.spec.request, 'base64').toString()).publicKeyHash;
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}
