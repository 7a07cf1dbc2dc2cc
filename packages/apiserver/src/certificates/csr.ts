/** What a CertificateSigningRequest is, for the resource, its validation and the signer. */
import type { KubeObject } from '@flotilla/api';
import { type CertificateRequest, parseCertificateRequest } from '@flotilla/kube';

export const certificatesGroup = 'certificates.k8s.io';
export const kubeClientSigner = 'kubernetes.io/kube-apiserver-client';

export interface CsrCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string;
  readonly lastTransitionTime?: string;
}

/** certificates.k8s.io/v1 CertificateSigningRequest. */
export interface Csr extends KubeObject {
  spec: {
    request?: string;
    signerName?: string;
    usages?: string[];
    expirationSeconds?: number;
    username?: string;
    uid?: string;
    groups?: string[];
    extra?: Record<string, string[]>;
  };
  status?: { conditions?: CsrCondition[]; certificate?: string };
}

/** The PKCS #10 request inside. @throws PkiError when it cannot be read. */
export function readRequest(csr: Csr): CertificateRequest {
  return parseCertificateRequest(Buffer.from(csr.spec.request ?? '', 'base64').toString('utf8'));
}
