/**
 * Key pairs, and the two operations on them. Keys come from node:crypto's own strong randomness; nothing here is
 * seeded. EC P-256 is what the products make; what others bring may be EC P-256/384, RSA from 2048 bits, Ed25519.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { writeDer, writeOid, writeSequence } from './der.js';
import { type SignatureAlgorithm, signatureAlgorithms } from './oids.js';
import { PkiError } from './pki-error.js';
import { Recent } from './recent.js';

export type KeyType = 'ec' | 'rsa' | 'ed25519';

export interface KeyPair {
  /** SEC1, `EC PRIVATE KEY`, as Go clients write it. */
  readonly privateKeyPem: string;
  readonly publicKey: KeyObject;
  /** SubjectPublicKeyInfo. */
  readonly publicKeyDer: Uint8Array;
}

/** A new EC P-256 key. */
export function generateKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return {
    privateKeyPem: privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
    publicKey,
    publicKeyDer: publicKeyDer(publicKey),
  };
}

/** @throws PkiError when the text is no private key. */
export function readPrivateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new PkiError('the private key cannot be read', { cause });
  }
}

/** Reading a key costs half a millisecond; an authority's is needed for each certificate that it has signed. */
const publicKeys = new Recent<KeyObject>(64);

/** @throws PkiError when the SubjectPublicKeyInfo is damaged. */
export function readPublicKey(der: Uint8Array): KeyObject {
  const key = Buffer.from(der);
  try {
    return publicKeys.get(key.toString('latin1'), () =>
      createPublicKey({ key, format: 'der', type: 'spki' }),
    );
  } catch (cause) {
    throw new PkiError('the public key cannot be read', { cause });
  }
}

/** SubjectPublicKeyInfo of either half. */
export function publicKeyDer(key: KeyObject): Uint8Array {
  const half = key.type === 'private' ? createPublicKey(key) : key;
  return half.export({ type: 'spki', format: 'der' });
}

/** `sha256:<hex>` of the public half, as a certificate of this key has it. @throws PkiError when the PEM is damaged. */
export function publicKeyHashOf(privateKeyPem: string): string {
  return `sha256:${createHash('sha256')
    .update(publicKeyDer(readPrivateKey(privateKeyPem)))
    .digest('hex')}`;
}

/** @throws PkiError for keys that are too weak or of a kind not served. */
export function keyTypeOf(key: KeyObject): KeyType {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ec':
      if (namedCurve === 'prime256v1' || namedCurve === 'secp384r1') return 'ec';
      throw new PkiError(`keys on the curve ${namedCurve} are not supported; use P-256 or P-384`);
    case 'rsa':
      if ((modulusLength ?? 0) >= 2048) return 'rsa';
      throw new PkiError(`an RSA key of ${modulusLength} bits is too short; use 2048 or more`);
    case 'ed25519':
      return 'ed25519';
    default:
      throw new PkiError(`keys of type ${key.asymmetricKeyType} are not supported`);
  }
}

/** The algorithm that a private key signs with. */
export function signatureAlgorithmOf(key: KeyObject): SignatureAlgorithm {
  const keyType = keyTypeOf(key);
  const isP384 = key.asymmetricKeyDetails?.namedCurve === 'secp384r1';
  const digest = keyType === 'ed25519' ? null : isP384 ? 'sha384' : 'sha256';
  const found = signatureAlgorithms.find((one) => one.keyType === keyType && one.digest === digest);
  if (found === undefined) throw new PkiError(`keys of type ${keyType} cannot sign`);
  return found;
}

/** AlgorithmIdentifier of a signature. */
export function writeAlgorithm({ oid, keyType }: SignatureAlgorithm): Uint8Array {
  return keyType === 'rsa' ? writeSequence(writeOid(oid), writeDer(0x05)) : writeSequence(writeOid(oid));
}

/** The algorithm of that name; undefined when it is not served. */
export function findSignatureAlgorithm(oid: string): SignatureAlgorithm | undefined {
  return signatureAlgorithms.find((one) => one.oid === oid);
}

export function signBytes(bytes: Uint8Array, privateKey: KeyObject): Uint8Array {
  return sign(signatureAlgorithmOf(privateKey).digest, bytes, privateKey);
}

/** False for a wrong signature and for a key that does not fit the algorithm. */
export function verifyBytes(
  bytes: Uint8Array,
  options: { algorithm: SignatureAlgorithm; publicKey: KeyObject; signature: Uint8Array },
): boolean {
  const { algorithm, publicKey, signature } = options;
  if (publicKey.asymmetricKeyType !== algorithm.keyType) return false;
  return verify(algorithm.digest, bytes, publicKey, signature);
}
