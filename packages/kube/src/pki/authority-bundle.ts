/** Bundles of trusted authorities: which keys are in one, and which of them has issued a certificate. Pure. */
import { parseCertificate, publicKeyHash, splitCertificates } from './certificate.js';
import { Recent } from './recent.js';
import { isIssuedBy } from './verify-chain.js';

/** A hub asks at each join, for the same bundle. */
const hashes = new Recent<string>(8);

/** The hashes of the public keys in a PEM bundle, sorted, separated by commas: the same for the same set. */
export function authorityHashes(bundle: string): string {
  return hashes.get(bundle, () =>
    [...new Set(splitCertificates(bundle).map(publicKeyHash))].sort().join(','),
  );
}

/** The hash of the authority of the bundle that has signed the certificate; undefined: it was another. */
export function issuerHash(certificate: string | Uint8Array, bundle: string): string | undefined {
  const issuer = splitCertificates(bundle).find((authority) => isIssuedBy(certificate, authority));
  return issuer === undefined ? undefined : publicKeyHash(issuer);
}

/** The hash of the authority of the bundle that was made last. */
export function newestAuthorityHash(bundle: string): string | undefined {
  const [newest] = splitCertificates(bundle)
    .filter((der) => parseCertificate(der).isCa)
    .sort((a, b) => parseCertificate(b).notBeforeMs - parseCertificate(a).notBeforeMs);
  return newest === undefined ? undefined : publicKeyHash(newest);
}
