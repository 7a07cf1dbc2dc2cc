/**
 * Client certificates: common name is the user, each organization a group. The intermediates that the client sends are
 * used, not trusted. k8s.io/apiserver authentication/request/x509.
 */
import { createHash } from 'node:crypto';
import { newUnauthorized } from '@flotilla/api';
import {
  type Certificate,
  type Clock,
  PkiError,
  parseCertificate,
  splitCertificates,
  verifyChain,
} from '@flotilla/kube';
import { LRUCache } from 'lru-cache';
import type { CertificateAuthenticator } from './authenticator.js';
import type { CertificateRules } from './certificate-rules.js';
import type { UserInfo } from './user.js';

export interface ClientCertificateOptions {
  readonly clock: Clock;
  /** PEM bundle of trusted issuers; asked each time, so that it may change. */
  readonly clientCa: () => string;
  readonly rules?: CertificateRules | undefined;
}

interface Verified {
  readonly user: UserInfo;
  readonly certificate: Certificate;
  readonly notAfterMs: number;
  /** The bundle it was verified against. */
  readonly bundle: string;
}

/** Verified certificates kept: one for each living connection of a large fleet. */
const maxCached = 20_000;

export function createClientCertificateAuthenticator(
  options: ClientCertificateOptions,
): CertificateAuthenticator {
  // Verifying costs two signatures; a connection's certificate is the same for all its requests.
  const verified = new LRUCache<string, Verified>({ max: maxCached });
  const byChain = new WeakMap<object, string>();
  return {
    authenticate(chain) {
      const leaf = chain[0];
      if (leaf === undefined) return undefined;
      const fingerprint = byChain.get(chain) ?? createHash('sha256').update(leaf).digest('hex');
      byChain.set(chain, fingerprint);
      const bundle = options.clientCa();
      const nowMs = options.clock.now();
      const known = verified.get(fingerprint);
      const isStillGood = known !== undefined && known.bundle === bundle && nowMs <= known.notAfterMs;
      if (isStillGood) return notRefused(known, options.rules).user;
      const fresh = verify(chain, { bundle, nowMs, fingerprint, rules: options.rules });
      // Nobody lives on an expired one: it is looked at anew each time.
      if (nowMs <= fresh.notAfterMs) verified.set(fingerprint, fresh);
      return notRefused(fresh, options.rules).user;
    },
  };
}

/** @throws StatusError 401 with the rules' own words. */
function notRefused(verified: Verified, rules: CertificateRules | undefined): Verified {
  const why = rules?.refuses?.(verified.certificate);
  if (why !== undefined) throw newUnauthorized(`Unauthorized: ${why}`);
  return verified;
}

interface Verification {
  readonly bundle: string;
  readonly nowMs: number;
  readonly fingerprint: string;
  readonly rules: CertificateRules | undefined;
}

function verify(chain: readonly Uint8Array[], options: Verification): Verified {
  const { bundle, nowMs, fingerprint } = options;
  const [leaf = new Uint8Array(), ...intermediates] = chain;
  try {
    const certificate = parseCertificate(leaf);
    const cas = splitCertificates(bundle);
    const pathAt = (timeMs: number): readonly Certificate[] =>
      verifyChain(certificate, { cas, intermediates, nowMs: timeMs, usage: 'clientAuth' });
    const { subject } = certificate;
    const expired =
      nowMs > certificate.notAfterMs ? options.rules?.whenExpired?.(certificate, nowMs) : undefined;
    if (expired !== undefined) {
      pathAt(certificate.notAfterMs);
      return { user: expired, certificate, notAfterMs: certificate.notAfterMs, bundle };
    }
    const path = pathAt(nowMs);
    if (subject.commonName === '') throw new PkiError('the certificate has no common name');
    const user = {
      username: subject.commonName,
      groups: subject.organizations,
      ...(subject.uid !== undefined && subject.uid !== '' && { uid: subject.uid }),
      extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
    };
    return { user, certificate, notAfterMs: Math.min(...path.map(({ notAfterMs }) => notAfterMs)), bundle };
  } catch (error) {
    if (error instanceof PkiError) throw newUnauthorized(`Unauthorized: ${error.message}`);
    throw error;
  }
}
