/**
 * Decides whether a certificate is to be believed: builds a path to one of the given authorities and checks every
 * signature, validity, authority flag and usage on it. Revocation is not looked at, as Kubernetes has none. Pure.
 */
import type { KeyObject } from 'node:crypto';
import { type Certificate, parseCertificate } from './certificate.js';
import { keyCertSignBit, purposeOid } from './extensions.js';
import { findSignatureAlgorithm, keyTypeOf, readPublicKey, verifyBytes } from './keys.js';
import { oid } from './oids.js';
import { allFromPem } from './pem.js';
import { PkiError } from './pki-error.js';
import { Recent } from './recent.js';

export interface VerifyOptions {
  /** The trusted authorities: DER or PEM each; a PEM text may hold several. */
  readonly cas: readonly (Uint8Array | string)[];
  /** What the peer sent besides its leaf. Not trusted. */
  readonly intermediates?: readonly Uint8Array[];
  readonly nowMs: number;
  readonly usage: 'clientAuth' | 'serverAuth';
}

const maxPathLength = 6;
/** A peer may send many certificates; trying all their orders must stay cheap. */
const maxSignatureChecks = 50;

/** Critical extensions that are looked at below; any other critical one forbids belief (RFC 5280 4.2). */
const understood: ReadonlySet<string> = new Set([
  oid.keyUsage,
  oid.extendedKeyUsage,
  oid.basicConstraints,
  oid.subjectAltName,
]);

interface Search {
  readonly roots: readonly Certificate[];
  readonly others: readonly Certificate[];
  readonly nowMs: number;
  readonly purpose: string;
  checksLeft: number;
  /** The most telling reason met so far. */
  failure: PkiError;
}

/** The authorities that are trusted are the same for every peer. What peers send is read each time. */
const authorities = new Recent<Certificate>(64);

function readAuthority(der: Uint8Array): Certificate {
  return authorities.get(Buffer.from(der).toString('latin1'), () => parseCertificate(der));
}

/** Reading a key costs several times what checking a signature with it does. */
const keys = new WeakMap<Certificate, KeyObject>();

/**
 * The path from the leaf to the authority, both included. A leaf that has been read already is not read again.
 * @throws PkiError saying what is wrong; a time only when all else is well.
 */
export function verifyChain(
  leaf: string | Uint8Array | Certificate,
  options: VerifyOptions,
): readonly Certificate[] {
  const certificate = typeof leaf === 'object' && 'signedBytes' in leaf ? leaf : parseCertificate(leaf);
  const search: Search = {
    roots: options.cas
      .flatMap((ca) => (typeof ca === 'string' ? allFromPem('CERTIFICATE', ca) : [ca]))
      .map(readAuthority),
    others: (options.intermediates ?? []).map(parseCertificate),
    nowMs: options.nowMs,
    purpose: purposeOid(options.usage === 'clientAuth' ? 'client auth' : 'server auth') ?? '',
    checksLeft: maxSignatureChecks,
    failure: new PkiError('the certificate is not signed by a trusted authority'),
  };
  const path = findPath([certificate], search);
  if (path === undefined) throw search.failure;
  return path;
}

/** Whether the authority's key has signed the certificate; says nothing about times and usages. @throws PkiError */
export function isIssuedBy(leaf: string | Uint8Array, authority: string | Uint8Array): boolean {
  const [certificate, issuer] = [parseCertificate(leaf), parseCertificate(authority)];
  return Buffer.compare(issuer.subjectDer, certificate.issuerDer) === 0 && isSignedBy(certificate, issuer);
}

/** Depth first from the leaf; validity is judged last, so that a time is blamed only when all else is well. */
function findPath(path: readonly Certificate[], search: Search): readonly Certificate[] | undefined {
  const last = path.at(-1);
  if (last === undefined || path.length > maxPathLength) return undefined;
  const problem = problemOf(last, path, search.purpose);
  if (problem !== undefined) {
    search.failure = problem;
    return undefined;
  }
  if (search.roots.some((root) => Buffer.compare(root.der, last.der) === 0)) return inTime(path, search);
  for (const issuer of [...search.roots, ...search.others]) {
    if (Buffer.compare(issuer.subjectDer, last.issuerDer) !== 0) continue;
    if (path.some((one) => Buffer.compare(one.der, issuer.der) === 0)) continue;
    if (search.checksLeft-- <= 0) return undefined;
    if (!isSignedBy(last, issuer)) continue;
    const found = findPath([...path, issuer], search);
    if (found !== undefined) return found;
  }
  return undefined;
}

function inTime(path: readonly Certificate[], search: Search): readonly Certificate[] | undefined {
  for (const { notBeforeMs, notAfterMs } of path) {
    if (search.nowMs > notAfterMs) {
      search.failure = new PkiError(`the certificate expired at ${new Date(notAfterMs).toISOString()}`);
      return undefined;
    }
    if (search.nowMs < notBeforeMs) {
      search.failure = new PkiError(
        `the certificate is not valid before ${new Date(notBeforeMs).toISOString()}`,
      );
      return undefined;
    }
  }
  return path;
}

function problemOf(
  certificate: Certificate,
  path: readonly Certificate[],
  purpose: string,
): PkiError | undefined {
  for (const extension of certificate.extensions.values()) {
    if (extension.critical && !understood.has(extension.oid)) {
      return new PkiError(`the certificate has the unknown critical extension ${extension.oid}`);
    }
  }
  const { purposes } = certificate;
  if (purposes !== undefined && !purposes.includes(purpose) && !purposes.includes(oid.anyExtendedKeyUsage)) {
    return new PkiError(
      `the certificate is not for ${purpose === purposeOid('client auth') ? 'clients' : 'servers'}`,
    );
  }
  if (path.length === 1) return undefined;
  if (
    !certificate.isCa ||
    (certificate.keyUsage !== undefined && !certificate.keyUsage.has(keyCertSignBit))
  ) {
    return new PkiError('the certificate is not signed by an authority');
  }
  const authoritiesBelow = path.length - 2;
  if (certificate.pathLength !== undefined && authoritiesBelow > certificate.pathLength) {
    return new PkiError('the path to the authority is longer than the authority allows');
  }
  return undefined;
}

function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  const algorithm = findSignatureAlgorithm(certificate.signatureAlgorithm);
  if (algorithm === undefined) return false;
  const publicKey = keys.get(issuer) ?? readPublicKey(issuer.publicKeyDer);
  keys.set(issuer, publicKey);
  keyTypeOf(publicKey); // throws for keys too weak to be believed
  return verifyBytes(certificate.signedBytes, { algorithm, publicKey, signature: certificate.signature });
}
