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

/** PEM; of what is served, the leaf counts. */
interface HubPem {
  readonly serving: string;
  readonly authorities: string;
}

/** As they are each time they are asked for, taken apart again only once they are others: each cluster's event asks. */
export function followHubCertificates(source: HubPem & Pick<HubCertificates, 'onChange'>): HubCertificates {
  let known: (HubPem & { readonly list: readonly HubCertificate[] }) | undefined;
  return {
    list: () => {
      const { serving, authorities } = source;
      if (known?.serving !== serving || known.authorities !== authorities)
        known = { serving, authorities, list: describeHubCertificates({ serving, authorities }) };
      return known.list;
    },
    onChange: (fn) => source.onChange(fn),
  };
}

function describeHubCertificates(pem: HubPem): readonly HubCertificate[] {
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
