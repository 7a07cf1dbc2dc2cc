/**
 * JSON web tokens of service accounts: signing, and opening what a client sent, with the algorithm that fits the key
 * (RS256, ES256, ES384, ES512, as kube-apiserver). What the claims say is the caller's matter. RFC 7515, 7518, 7638.
 * Pure.
 */
import { constants, type KeyObject, sign, verify } from 'node:crypto';
import { isObject, type JsonObject } from '@flotilla/api';
import {
  digestOf,
  isTokenAlgorithm,
  type SigningKey,
  type TokenAlgorithm,
  type VerificationKey,
} from './token-keys.js';

/** A token taken apart, not yet believed. */
export interface OpenedToken {
  readonly claims: JsonObject;
  /** The key that its header names. */
  readonly keyId: string | undefined;
  /** True when it was signed with the key. */
  isSignedBy(key: VerificationKey): boolean;
}

const tokenForm = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/;
/** A token of ours is about 1,100 characters. */
const longestToken = 16_384;

export function signToken(claims: object, { privateKey, algorithm, id }: SigningKey): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: algorithm, kid: id })}.${encode(claims)}`;
  const signature = sign(digestOf(algorithm), Buffer.from(signed), signatureForm(algorithm, privateKey));
  return `${signed}.${signature.toString('base64url')}`;
}

/** Undefined: the text is no JSON web token of an algorithm served. */
export function openToken(token: string): OpenedToken | undefined {
  if (token.length > longestToken) return undefined;
  const [, head = '', body = '', signature = ''] = tokenForm.exec(token) ?? [];
  const header = decode(head);
  const claims = decode(body);
  // `crit` names rules that a reader must know, and none is known here.
  if (header === undefined || header['crit'] !== undefined || claims === undefined) return undefined;
  const { kid, alg } = header as { kid?: unknown; alg?: unknown };
  if (!isTokenAlgorithm(alg)) return undefined;
  return {
    claims,
    keyId: typeof kid === 'string' ? kid : undefined,
    isSignedBy: ({ publicKey, algorithm }) =>
      alg === algorithm &&
      verify(
        digestOf(algorithm),
        Buffer.from(`${head}.${body}`),
        signatureForm(algorithm, publicKey),
        Buffer.from(signature, 'base64url'),
      ),
  };
}

/** JOSE writes an elliptic signature as two numbers, not as DER. */
function signatureForm(algorithm: TokenAlgorithm, key: KeyObject) {
  return algorithm === 'RS256'
    ? { key, padding: constants.RSA_PKCS1_PADDING }
    : { key, dsaEncoding: 'ieee-p1363' as const };
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
export function publicJwk({ publicKey, algorithm, id }: VerificationKey): JsonObject {
  return { use: 'sig', kid: id, alg: algorithm, ...publicKey.export({ format: 'jwk' }) };
}

/** Which of the keys may have signed the token: the one that it names, or any when none has that name. */
export function candidateKeys<K extends VerificationKey>(
  opened: OpenedToken,
  keys: readonly K[],
): readonly K[] {
  const named = keys.filter(({ id }) => id === opened.keyId);
  return named.length > 0 ? named : keys;
}
