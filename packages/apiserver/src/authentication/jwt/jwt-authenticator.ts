/**
 * Tokens of an OpenID issuer: signature, issuer, audience and times are checked here, who the user is follows from the
 * claims by the operator's rules. The library that verifies is loaded at the first such token.
 */
import { isObject, type JsonObject, newUnauthorized } from '@flotilla/api';
import type { Clock } from '@flotilla/kube';
import type { SlowTokenAuthenticator } from '../authenticator.js';
import type { UserInfo } from '../user.js';
import type { IssuerKeys, KeySet } from './issuer-keys.js';

export interface JwtAuthenticatorOptions {
  /** As in the `iss` claim. */
  readonly issuer: string;
  /** The token must be for one of them. */
  readonly audiences: readonly string[];
  readonly algorithms: readonly string[];
  /** @throws Error in words when the claims make no user. */
  readonly identify: (claims: JsonObject) => UserInfo;
  readonly keys: Pick<IssuerKeys, 'current' | 'newerThan'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** All algorithms that kube-apiserver's --oidc-signing-algs takes. */
export const jwtAlgorithms: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'],
];

/** A token larger than this is nobody's: headers are bounded anyway. */
const longestToken = 65_536;
/** Clocks differ; go-oidc allows as much. */
const notBeforeLeewayMs = 5 * 60_000;

export function createJwtAuthenticator(options: JwtAuthenticatorOptions): SlowTokenAuthenticator {
  return {
    async authenticate(token) {
      const unverified = decodePart(token, 1);
      if (unverified === undefined || unverified['iss'] !== options.issuer) return undefined;
      try {
        const claims = await verifiedClaims(token, options);
        checkAudience(claims, options.audiences);
        checkTimes(claims, options.clock.now());
        return { user: withCredentialId(options.identify(claims), claims) };
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw newUnauthorized(`Unauthorized: the token of ${options.issuer} is refused: ${reason}`);
      }
    },
  };
}

async function verifiedClaims(token: string, options: JwtAuthenticatorOptions): Promise<JsonObject> {
  const { alg } = decodePart(token, 0) ?? {};
  if (typeof alg !== 'string' || !options.algorithms.includes(alg)) {
    throw new Error(`it is signed with ${JSON.stringify(alg)}, not with ${options.algorithms.join(' or ')}`);
  }
  const known = await options.keys.current();
  const claims = await verifyWith(known, token);
  if (claims !== undefined) return claims;
  // The issuer may have a new key.
  const newer = await options.keys.newerThan(known);
  const late = newer && (await verifyWith(newer, token));
  if (late === undefined) throw new Error('no published key of the issuer has signed it');
  return late;
}

/** Undefined: no key of the set has signed the token. */
async function verifyWith({ keys }: KeySet, token: string): Promise<JsonObject | undefined> {
  const { alg, kid } = decodePart(token, 0) ?? {};
  const { compactVerify, errors, importJWK } = await import('jose');
  for (const key of keys) {
    if (kid !== undefined && key['kid'] !== undefined && key['kid'] !== kid) continue;
    if ((key['use'] ?? 'sig') !== 'sig' || (key['alg'] ?? alg) !== alg) continue;
    try {
      const publicKey = await importJWK(key, String(alg));
      const { payload } = await compactVerify(token, publicKey, { algorithms: [String(alg)] });
      const claims: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
      if (isObject(claims)) return claims;
    } catch (error) {
      // Another key of the set may fit: of another kind, or one that cannot be read.
      if (
        !(error instanceof errors.JOSEError || error instanceof TypeError || error instanceof SyntaxError)
      ) {
        if (!(error instanceof Error && error.name === 'DataError')) throw error;
      }
    }
  }
  return undefined;
}

function checkAudience({ aud }: JsonObject, audiences: readonly string[]): void {
  const own = Array.isArray(aud) ? aud : [aud];
  if (!audiences.some((audience) => own.includes(audience))) {
    throw new Error(`it is for the audience ${JSON.stringify(aud)}`);
  }
}

function checkTimes({ exp, nbf }: JsonObject, nowMs: number): void {
  if (typeof exp !== 'number' || nowMs >= exp * 1000) throw new Error('it has expired');
  if (nbf !== undefined && (typeof nbf !== 'number' || nowMs < nbf * 1000 - notBeforeLeewayMs)) {
    throw new Error('it is not valid yet');
  }
}

const credentialId = 'authentication.kubernetes.io/credential-id';

function withCredentialId(user: UserInfo, { jti }: JsonObject): UserInfo {
  if (typeof jti !== 'string' || jti === '') return user;
  return { ...user, extra: { ...user.extra, [credentialId]: [`JTI=${jti}`] } };
}

/** Header (0) or claims (1), not yet believed; undefined: the text is no signed JSON web token. */
function decodePart(token: string, index: 0 | 1): JsonObject | undefined {
  if (token.length > longestToken) return undefined;
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(parts[index] ?? '', 'base64url').toString());
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
