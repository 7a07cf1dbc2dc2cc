/**
 * PKCS #10 certificate requests: makes the one an agent sends, and reads any that a client may send, after checking
 * that the requester holds the key. What a request asks for is only a wish; the signer decides. Pure.
 */
import type { KeyObject } from 'node:crypto';
import { hashOf } from './certificate.js';
import {
  contextTag,
  type DerNode,
  derTag,
  expectTag,
  readBitOctets,
  readDer,
  readInteger,
  readOid,
  writeBitOctets,
  writeDer,
  writeInteger,
  writeOid,
  writeSequence,
  writeSet,
} from './der.js';
import { type DistinguishedName, readName, writeName } from './distinguished-name.js';
import {
  type AlternativeNames,
  type Extension,
  readAlternativeNames,
  readBasicConstraints,
  readExtensions,
  subjectAltName,
  writeExtension,
} from './extensions.js';
import {
  findSignatureAlgorithm,
  type KeyType,
  keyTypeOf,
  publicKeyDer,
  readPrivateKey,
  readPublicKey,
  signatureAlgorithmOf,
  signBytes,
  verifyBytes,
  writeAlgorithm,
} from './keys.js';
import { oid } from './oids.js';
import { allFromPem, toPem } from './pem.js';
import { PkiError } from './pki-error.js';
import { Recent } from './recent.js';

export interface CertificateRequestOptions {
  /** Any key that node:crypto reads and that is served here. */
  readonly privateKeyPem: string;
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

export interface CertificateRequest extends DistinguishedName, AlternativeNames {
  /** SubjectPublicKeyInfo. */
  readonly publicKeyDer: Uint8Array;
  /** As of a certificate. */
  readonly publicKeyHash: string;
  readonly keyType: KeyType;
  /** It asks to be a certificate authority. */
  readonly isCa: boolean;
}

const attributesTag = contextTag(0, { constructed: true });

/** A `CERTIFICATE REQUEST`, signed with the key it is for. */
export function createCertificateRequest(options: CertificateRequestOptions): string {
  const key = readPrivateKey(options.privateKeyPem);
  const { dnsNames = [], ipAddresses = [] } = options;
  const attributes: Uint8Array[] = [];
  if (dnsNames.length + ipAddresses.length > 0) {
    const extension = subjectAltName({ dnsNames, ipAddresses }, { critical: options.commonName === '' });
    const list = writeSequence(writeExtension(extension));
    attributes.push(writeSequence(writeOid(oid.extensionRequest), writeSet(list)));
  }
  const body = writeSequence(
    writeInteger(Uint8Array.of(0)),
    writeName({ commonName: options.commonName, organizations: options.organizations }),
    publicKeyDer(key),
    writeDer(attributesTag, ...attributes),
  );
  const signature = signBytes(body, key);
  const algorithm = writeAlgorithm(signatureAlgorithmOf(key));
  return toPem('CERTIFICATE REQUEST', writeSequence(body, algorithm, writeBitOctets(signature)));
}

/** Admission, validation, approval and signing all read the request that a cluster joins with. */
const requests = new Recent<CertificateRequest>(256);
/** Longer ones are read each time: what is kept stays small. */
const longestKept = 4096;

/**
 * Reads the one request in the text.
 * @throws PkiError when it is damaged, of an unserved kind, or not signed with its own key.
 */
export function parseCertificateRequest(pem: string): CertificateRequest {
  return pem.length > longestKept ? readRequest(pem) : requests.get(pem, () => readRequest(pem));
}

function readRequest(pem: string): CertificateRequest {
  const [der, ...more] = allFromPem('CERTIFICATE REQUEST', pem);
  if (der === undefined) throw new PkiError('there is no PEM block of type CERTIFICATE REQUEST');
  if (more.length > 0) throw new PkiError('there is more than one PEM block of type CERTIFICATE REQUEST');
  const root = expectTag(readDer(der), derTag.sequence, 'the certificate request');
  const body = expectTag(root.children[0], derTag.sequence, 'the body of the certificate request');
  const [version, subject, key, ...rest] = body.children;
  if (readInteger(version, 'the version') !== 0) throw new PkiError('the version is not 0');
  const spki = expectTag(key, derTag.sequence, 'the public key').bytes;
  const publicKey = readPublicKey(spki);
  const keyType = keyTypeOf(publicKey);
  checkOwnSignature(root, { body, publicKey });
  const extensions = requestedExtensions(rest.find(({ tag }) => tag === attributesTag));
  return {
    ...readName(subject),
    ...readAlternativeNames(extensions.get(oid.subjectAltName)),
    isCa: readBasicConstraints(extensions.get(oid.basicConstraints)).isCa,
    publicKeyDer: spki,
    publicKeyHash: hashOf(spki),
    keyType,
  };
}

function checkOwnSignature(
  root: DerNode,
  { body, publicKey }: { body: DerNode; publicKey: KeyObject },
): void {
  const id = readOid(
    expectTag(root.children[1], derTag.sequence, 'the signature algorithm').children[0],
    'the signature algorithm',
  );
  const algorithm = findSignatureAlgorithm(id);
  if (algorithm === undefined) throw new PkiError(`the signature algorithm ${id} is not supported`);
  const signature = readBitOctets(root.children[2], 'the signature');
  if (!verifyBytes(body.bytes, { algorithm, publicKey, signature })) {
    throw new PkiError('the signature of the certificate request does not fit its key');
  }
}

function requestedExtensions(attributes: DerNode | undefined): ReadonlyMap<string, Extension> {
  let found: ReadonlyMap<string, Extension> = new Map();
  for (const { children } of attributes?.children ?? []) {
    if (readOid(children[0], 'the type of an attribute') !== oid.extensionRequest) continue;
    const values = expectTag(children[1], derTag.set, 'the requested extensions').children;
    const [list] = values;
    if (list === undefined || values.length > 1 || found.size > 0) {
      throw new PkiError('the requested extensions are there twice or empty');
    }
    found = readExtensions(list);
  }
  return found;
}
