/** The certificates of the hub itself, on which all clusters depend, as the warnings before their end need them. Pure. */
import { parseCertificate, splitCertificates } from '@flotilla/kube';

export interface HubCertificate {
  readonly role: 'serving' | 'authority';
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** As of now. */
export interface HubCertificates {
  list(): readonly HubCertificate[];
  onChange(fn: () => void): void;
}

/** Of a hub whose certificates are somebody else's business. */
export const noHubCertificates: HubCertificates = { list: () => [], onChange: () => undefined };

/** Both are PEM; of what is served, the leaf counts. */
export function describeHubCertificates(pem: {
  readonly serving: string;
  readonly authorities: string;
}): readonly HubCertificate[] {
  const describe = (role: HubCertificate['role'], der: Uint8Array): HubCertificate => {
    const { notBeforeMs, notAfterMs } = parseCertificate(der);
    return { role, notBeforeMs, notAfterMs };
  };
  return [
    ...splitCertificates(pem.serving)
      .slice(0, 1)
      .map((der) => describe('serving', der)),
    ...splitCertificates(pem.authorities).map((der) => describe('authority', der)),
  ];
}
