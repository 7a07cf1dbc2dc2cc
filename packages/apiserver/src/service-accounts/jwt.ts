/**
 * JSON web tokens with ES256, the only algorithm served: signing, and opening what a client sent. What the claims say
 * is the caller's matter. RFC 7515, 7518, 7638. Pure.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { isObject, type JsonObject } from '@flotilla/api';

/** A P-256 key and the name by which tokens refer to it. */
export interface TokenKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** base64url of the SHA-256 of the public key's DER, as kube-apiserver names keys. */
  readonly id: string;
}

/** A token taken apart, not yet believed. */
export interface OpenedToken {
  readonly claims: JsonObject;
  /** True when it was signed with the key. */
  isSignedBy(key: TokenKey): boolean;
}

const algorithm = 'ES256';
const tokenForm = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;
/** A token of ours is about 1,100 characters. */
const longestToken = 16_384;

/** @throws Error when the PEM is no P-256 private key. */
export function readTokenKey(privateKeyPem: string): TokenKey {
  const privateKey = createPrivateKey(privateKeyPem);
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Error('the key that signs service account tokens must be an EC key on P-256');
  }
  const publicKey = createPublicKey(privateKey);
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return { privateKey, publicKey, id: createHash('sha256').update(der).digest('base64url') };
}

export function signToken(claims: object, { privateKey, id }: TokenKey): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: algorithm, kid: id })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** Undefined: the text is no JSON web token of this algorithm. */
export function openToken(token: string): OpenedToken | undefined {
  if (token.length > longestToken) return undefined;
  const [, head = '', body = '', signature = ''] = tokenForm.exec(token) ?? [];
  const header = decode(head);
  const claims = decode(body);
  // `crit` names rules that a reader must know, and none is known here.
  if (header?.['alg'] !== algorithm || header['crit'] !== undefined || claims === undefined) return undefined;
  return {
    claims,
    isSignedBy: ({ publicKey, id }) =>
      (header['kid'] === undefined || header['kid'] === id) &&
      verify(
        'sha256',
        Buffer.from(`${head}.${body}`),
        { key: publicKey, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      ),
  };
}

function decode(part: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The public half as a JSON web key. */
export function publicJwk({ publicKey, id }: TokenKey): JsonObject {
  return { use: 'sig', kid: id, alg: algorithm, ...publicKey.export({ format: 'jwk' }) };
}
