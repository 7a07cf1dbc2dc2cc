/**
 * Makes certificates: a self-signed authority, and what an authority issues. The caller has decided that the subject
 * may have it; nothing is taken over from a request but what is passed in. Pure but for the key that a new authority
 * gets from node:crypto.
 */
import { createHash, type KeyObject } from 'node:crypto';
import type { Random } from '../env/env.js';
import { type Certificate, parseCertificate } from './certificate.js';
import {
  contextTag,
  derTag,
  readBitOctets,
  readDer,
  writeBitOctets,
  writeDer,
  writeInteger,
  writeOctets,
  writeSequence,
  writeText,
} from './der.js';
import { type NameParts, writeName } from './distinguished-name.js';
import {
  basicConstraints,
  type CertificateUsage,
  type Extension,
  subjectAltName,
  usageExtensions,
  writeExtension,
} from './extensions.js';
import {
  generateKeyPair,
  publicKeyDer,
  readPrivateKey,
  signatureAlgorithmOf,
  signBytes,
  writeAlgorithm,
} from './keys.js';
import { oid } from './oids.js';
import { toPem } from './pem.js';
import { PkiError } from './pki-error.js';

/** A certificate with its key. */
export interface CertificateAuthority {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** Clocks differ: what is issued now must hold on a peer whose clock is a little behind. */
const caBackdateMs = 3_600_000;

/** A self-signed authority with a new EC P-256 key; it may sign leaf certificates only. */
export function createCertificateAuthority(options: {
  readonly commonName: string;
  readonly validityMs: number;
  readonly nowMs: number;
  readonly random: Pick<Random, 'bytes'>;
}): CertificateAuthority {
  const { privateKeyPem, publicKey } = generateKeyPair();
  const spki = publicKeyDer(publicKey);
  const subjectDer = writeName({ commonName: options.commonName });
  const der = build({
    issuerDer: subjectDer,
    subjectDer,
    spki,
    signingKey: readPrivateKey(privateKeyPem),
    notBeforeMs: options.nowMs - caBackdateMs,
    notAfterMs: options.nowMs + options.validityMs,
    serial: newSerial(options.random),
    extensions: [
      basicConstraints({ isCa: true, pathLength: 0 }),
      ...usageExtensions(['digital signature', 'key encipherment', 'cert sign']),
      subjectKeyIdentifier(spki),
    ],
  });
  return { certificatePem: toPem('CERTIFICATE', der), privateKeyPem };
}

export interface IssueOptions {
  readonly ca: CertificateAuthority;
  /** SubjectPublicKeyInfo, as `parseCertificateRequest` returns it. */
  readonly publicKeyDer: Uint8Array;
  readonly subject: NameParts;
  readonly notBeforeMs: number;
  /** Cut to the authority's own end. */
  readonly notAfterMs: number;
  /** Names of certificates.k8s.io: `digital signature`, `client auth` ... */
  readonly usages: readonly CertificateUsage[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** Default false. */
  readonly isCa?: boolean;
  readonly random: Pick<Random, 'bytes'>;
}

/** @throws PkiError when the authority's key does not fit its certificate or may not sign. */
export function issueCertificate(options: IssueOptions): string {
  const { ca, subject, usages, dnsNames = [], ipAddresses = [], isCa = false } = options;
  const { authority, signingKey } = signerOf(ca);
  const subjectDer = writeName(subject);
  const isNameless = subjectDer.length === 2; // an empty sequence
  const extensions = [
    ...usageExtensions(isCa ? [...usages, 'cert sign'] : usages),
    basicConstraints({ isCa, ...(isCa && { pathLength: 0 }) }),
    subjectKeyIdentifier(options.publicKeyDer),
    authorityKeyIdentifier(authority),
  ];
  if (dnsNames.length + ipAddresses.length > 0) {
    extensions.push(subjectAltName({ dnsNames, ipAddresses }, { critical: isNameless }));
  }
  const der = build({
    issuerDer: authority.subjectDer,
    subjectDer,
    spki: options.publicKeyDer,
    signingKey,
    notBeforeMs: options.notBeforeMs,
    notAfterMs: Math.min(options.notAfterMs, authority.notAfterMs),
    serial: newSerial(options.random),
    extensions,
  });
  return toPem('CERTIFICATE', der);
}

interface Signer {
  readonly authority: Certificate;
  readonly signingKey: KeyObject;
}

const signers = new WeakMap<CertificateAuthority, Signer>();

/** Read and checked once for each authority, as long as its owner holds it. */
function signerOf(ca: CertificateAuthority): Signer {
  let signer = signers.get(ca);
  if (signer === undefined) {
    signer = readSigner(ca);
    signers.set(ca, signer);
  }
  return signer;
}

function readSigner(ca: CertificateAuthority): Signer {
  const authority = parseCertificate(ca.certificatePem);
  const signingKey = readPrivateKey(ca.privateKeyPem);
  if (!authority.isCa) throw new PkiError('the signing certificate is not a certificate authority');
  if (Buffer.compare(publicKeyDer(signingKey), authority.publicKeyDer) !== 0) {
    throw new PkiError('the signing key is not the key of the signing certificate');
  }
  return { authority, signingKey };
}

interface Parts {
  readonly issuerDer: Uint8Array;
  readonly subjectDer: Uint8Array;
  readonly spki: Uint8Array;
  readonly signingKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly serial: Uint8Array;
  readonly extensions: readonly Extension[];
}

function build(parts: Parts): Uint8Array {
  const algorithm = writeAlgorithm(signatureAlgorithmOf(parts.signingKey));
  const version3 = writeDer(contextTag(0, { constructed: true }), writeInteger(Uint8Array.of(2)));
  const body = writeSequence(
    version3,
    writeInteger(parts.serial),
    algorithm,
    parts.issuerDer,
    writeSequence(writeTime(parts.notBeforeMs), writeTime(parts.notAfterMs)),
    parts.subjectDer,
    parts.spki,
    writeDer(contextTag(3, { constructed: true }), writeSequence(...parts.extensions.map(writeExtension))),
  );
  return writeSequence(body, algorithm, writeBitOctets(signBytes(body, parts.signingKey)));
}

/** 128 random bits with the top one clear and the next set: positive, never zero, always of one length. */
function newSerial(random: Pick<Random, 'bytes'>): Uint8Array {
  const serial = Uint8Array.from(random.bytes(16));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

/** SHA-1 of the key, method 1 of RFC 5280 4.2.1.2: an identifier, no protection. */
function keyIdentifier(spki: Uint8Array): Uint8Array {
  const key = readBitOctets(readDer(spki).children[1], 'the public key');
  return createHash('sha1').update(key).digest();
}

function subjectKeyIdentifier(spki: Uint8Array): Extension {
  return { oid: oid.subjectKeyIdentifier, critical: false, value: writeOctets(keyIdentifier(spki)) };
}

function authorityKeyIdentifier(authority: Certificate): Extension {
  const own = authority.extensions.get(oid.subjectKeyIdentifier);
  const identifier = own === undefined ? keyIdentifier(authority.publicKeyDer) : readDer(own.value).content;
  return {
    oid: oid.authorityKeyIdentifier,
    critical: false,
    value: writeSequence(writeDer(contextTag(0, { constructed: false }), identifier)),
  };
}

/** RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime after. */
function writeTime(ms: number): Uint8Array {
  const digits = new Date(ms)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:T]/g, '');
  return new Date(ms).getUTCFullYear() < 2050
    ? writeText(derTag.utcTime, digits.slice(2))
    : writeText(derTag.generalizedTime, digits);
}
