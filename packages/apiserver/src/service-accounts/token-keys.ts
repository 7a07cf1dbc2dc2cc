/**
 * The keys of service account tokens: RSA or EC (P-256, P-384, P-521), out of PEM files that hold private keys, public
 * keys or certificates, as those of kube-apiserver's --service-account-key-file may. Pure.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';

export type TokenAlgorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512';

export interface VerificationKey {
  readonly publicKey: KeyObject;
  readonly algorithm: TokenAlgorithm;
  /** base64url of the SHA-256 of the public key's DER, as kube-apiserver names keys. */
  readonly id: string;
}

export interface SigningKey extends VerificationKey {
  readonly privateKey: KeyObject;
}

const algorithmsByCurve: Readonly<Record<string, TokenAlgorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};
const digests: Readonly<Record<TokenAlgorithm, string>> = {
  RS256: 'sha256',
  ES256: 'sha256',
  ES384: 'sha384',
  ES512: 'sha512',
};
const shortestRsaBits = 2048;
const block = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

export function isTokenAlgorithm(name: unknown): name is TokenAlgorithm {
  return typeof name === 'string' && Object.hasOwn(digests, name);
}

export function digestOf(algorithm: TokenAlgorithm): string {
  return digests[algorithm];
}

/** @throws Error in one sentence when the PEM holds no private key, or one that cannot be used. */
export function readSigningKey(pem: string): SigningKey {
  const [found] = [...pem.matchAll(block)].filter(([, label = '']) => label.endsWith('PRIVATE KEY'));
  if (found === undefined) throw new Error('it holds no private key in PEM form');
  const privateKey = orReason(() => createPrivateKey(found[0]), 'the private key cannot be read');
  return { ...verificationKey(createPublicKey(privateKey)), privateKey };
}

/**
 * Every key in the file, by its public half.
 * @throws Error in one sentence when there is none, or one cannot be used.
 */
export function readVerificationKeys(pem: string): readonly VerificationKey[] {
  const keys: VerificationKey[] = [];
  for (const [text, label = ''] of pem.matchAll(block)) {
    if (label === 'EC PARAMETERS') continue;
    keys.push(verificationKey(orReason(() => publicKeyOf(text, label), `a ${label} cannot be read`)));
  }
  if (keys.length === 0) throw new Error('it holds no public key, private key or certificate in PEM form');
  return keys;
}

function publicKeyOf(pem: string, label: string): KeyObject {
  return label === 'CERTIFICATE' ? new X509Certificate(pem).publicKey : createPublicKey(pem);
}

function verificationKey(publicKey: KeyObject): VerificationKey {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return {
    publicKey,
    algorithm: algorithmOf(publicKey),
    id: createHash('sha256').update(der).digest('base64url'),
  };
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): TokenAlgorithm {
  const { namedCurve = '', modulusLength = 0 } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'rsa') {
    if (modulusLength >= shortestRsaBits) return 'RS256';
    throw new Error(`an RSA key of ${modulusLength} bits is too short; use ${shortestRsaBits} or more`);
  }
  const algorithm = algorithmsByCurve[namedCurve];
  if (algorithm === undefined)
    throw new Error('the key must be RSA, or EC on the curve P-256, P-384 or P-521');
  return algorithm;
}

function orReason<T>(read: () => T, reason: string): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(reason, { cause });
  }
}
