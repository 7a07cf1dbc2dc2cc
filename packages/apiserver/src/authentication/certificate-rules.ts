/**
 * What an embedding program may say about client certificates that this server's issuers vouch for: that one is
 * revoked, and whom one stands for when its time is over. Kubernetes has neither. Asked by the authenticator at each
 * request, and by the signer, so the answers come from memory.
 */
import type { Certificate } from '@flotilla/kube';
import type { UserInfo } from './user.js';

export interface CertificateRules {
  /**
   * Why the certificate is not believed although it is in order: a sentence for its holder. None is issued that would
   * not be believed: its request waits.
   */
  refuses?(certificate: Pick<Certificate, 'subject' | 'notBeforeMs' | 'publicKeyHash'>): string | undefined;
  /**
   * Whom a certificate that was in order until it expired stands for; undefined: nobody. The connection has proved
   * that its peer holds the key. The user should be able to do nothing but get a new certificate.
   */
  whenExpired?(certificate: Certificate, nowMs: number): UserInfo | undefined;
}
