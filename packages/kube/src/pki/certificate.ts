/**
 * Reads X.509 certificates into what authentication, rotation and pinning ask of them. Reading checks form, never
 * trust: that is `verifyChain`'s. Pure.
 */
import { createHash } from 'node:crypto';
import {
  contextTag,
  type DerNode,
  derTag,
  expectTag,
  readBitOctets,
  readDer,
  readIntegerBytes,
  readOid,
} from './der.js';
import { type DistinguishedName, readName } from './distinguished-name.js';
import {
  type AlternativeNames,
  type Extension,
  readAlternativeNames,
  readBasicConstraints,
  readExtensions,
  readKeyUsage,
  readPurposes,
} from './extensions.js';
import { oid } from './oids.js';
import { allFromPem, fromPem } from './pem.js';
import { PkiError } from './pki-error.js';

export interface Certificate extends AlternativeNames {
  readonly der: Uint8Array;
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  /** Names as they were signed, for comparison. */
  readonly subjectDer: Uint8Array;
  readonly issuerDer: Uint8Array;
  /** Lower-case hex. */
  readonly serialNumber: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKeyDer: Uint8Array;
  readonly publicKeyHash: string;
  readonly isCa: boolean;
  readonly pathLength?: number;
  /** Bit numbers of KeyUsage; undefined: no restriction. */
  readonly keyUsage?: ReadonlySet<number>;
  /** Object identifiers of ExtendedKeyUsage; undefined: no restriction. */
  readonly purposes?: readonly string[];
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly signatureAlgorithm: string;
  readonly signature: Uint8Array;
  /** What the signature covers. */
  readonly signedBytes: Uint8Array;
}

/** @throws PkiError when the input is no certificate. PEM may hold more; the first one is read. */
export function parseCertificate(input: string | Uint8Array): Certificate {
  const der = typeof input === 'string' ? fromPem('CERTIFICATE', input) : input;
  const root = expectTag(readDer(der), derTag.sequence, 'the certificate');
  const signed = expectTag(root.children[0], derTag.sequence, 'the body of the certificate');
  const fields = [...signed.children];
  if (fields[0]?.tag === contextTag(0, { constructed: true })) fields.shift(); // the version
  const [serial, algorithm, issuer, validity, subject, publicKey, ...rest] = fields;
  const outer = expectTag(root.children[1], derTag.sequence, 'the signature algorithm');
  const inner = expectTag(algorithm, derTag.sequence, 'the signature algorithm');
  if (Buffer.compare(outer.bytes, inner.bytes) !== 0) {
    throw new PkiError('the certificate names two signature algorithms');
  }
  const times = expectTag(validity, derTag.sequence, 'the validity').children;
  const spki = expectTag(publicKey, derTag.sequence, 'the public key').bytes;
  const list = rest.find(({ tag }) => tag === contextTag(3, { constructed: true }));
  const extensions = list?.children[0] === undefined ? new Map() : readExtensions(list.children[0]);
  const keyUsage = readKeyUsage(extensions.get(oid.keyUsage));
  const purposes = readPurposes(extensions.get(oid.extendedKeyUsage));
  return {
    der,
    subject: readName(subject),
    issuer: readName(issuer),
    subjectDer: subject?.bytes ?? new Uint8Array(),
    issuerDer: issuer?.bytes ?? new Uint8Array(),
    serialNumber: Buffer.from(readIntegerBytes(serial, 'the serial number')).toString('hex'),
    notBeforeMs: readTime(times[0]),
    notAfterMs: readTime(times[1]),
    publicKeyDer: spki,
    publicKeyHash: hashOf(spki),
    ...readBasicConstraints(extensions.get(oid.basicConstraints)),
    ...(keyUsage !== undefined && { keyUsage }),
    ...(purposes !== undefined && { purposes }),
    ...readAlternativeNames(extensions.get(oid.subjectAltName)),
    extensions,
    signatureAlgorithm: readOid(outer.children[0], 'the signature algorithm'),
    signature: readBitOctets(root.children[2], 'the signature'),
    signedBytes: signed.bytes,
  };
}

/** `sha256:<hex>` of the SubjectPublicKeyInfo, the form of kubeadm's --discovery-token-ca-cert-hash. */
export function publicKeyHash(certificate: string | Uint8Array): string {
  return parseCertificate(certificate).publicKeyHash;
}

/** Of a SubjectPublicKeyInfo: `sha256:<hex>`. */
export function hashOf(spki: Uint8Array): string {
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
}

const utcTime = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const generalizedTime = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

function readTime(node: DerNode | undefined): number {
  const text = Buffer.from(node?.content ?? new Uint8Array()).toString('latin1');
  const pattern = node?.tag === derTag.utcTime ? utcTime : generalizedTime;
  const match =
    node?.tag === derTag.utcTime || node?.tag === derTag.generalizedTime ? pattern.exec(text) : null;
  if (match === null) throw new PkiError('a time of the validity is damaged');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const century = node?.tag === derTag.utcTime ? (year < 50 ? 2000 : 1900) : 0;
  return Date.UTC(century + year, month - 1, day, hour, minute, second);
}

/** The certificates of a PEM bundle, as DER. @throws PkiError when one is damaged. */
export function splitCertificates(bundle: string): Uint8Array[] {
  return allFromPem('CERTIFICATE', bundle);
}
