/** Bundles of certificates in PEM form, as operators write them. Pure. */
import { parseCertificate, splitCertificates } from '@flotilla/kube';

/** The text, ending in a line end. @throws Error when a certificate in it is damaged, or there is none. */
export function checkedBundle(text: string): string {
  const certificates = splitCertificates(text);
  if (certificates.length === 0) throw new Error('there is no certificate in PEM form');
  for (const der of certificates) parseCertificate(der);
  return text.endsWith('\n') ? text : `${text}\n`;
}
