/**
 * Tokens without an end, of the form that Kubernetes gave every account until 1.24 and still puts into Secrets of type
 * kubernetes.io/service-account-token. Believed while their Secret holds them and their account exists.
 * k8s pkg/serviceaccount legacy.go; apiserver.md 5.4.
 */
import { timingSafeEqual } from 'node:crypto';
import { isObject, type JsonObject, type KubeObject, newUnauthorized } from '@flotilla/api';
import type { Clock } from '@flotilla/kube';
import type { TokenAuthenticator } from '../authentication/authenticator.js';
import type { ObjectReader } from '../authentication/object-reader.js';
import { candidateKeys, openToken, signToken } from './jwt.js';
import type { SigningKey, VerificationKey } from './token-keys.js';

export const legacyTokenType = 'kubernetes.io/service-account-token';
export const accountNameAnnotation = 'kubernetes.io/service-account.name';
export const accountUidAnnotation = 'kubernetes.io/service-account.uid';
/** Set by who takes a token back without deleting its Secret. */
const invalidSinceLabel = 'kubernetes.io/legacy-token-invalid-since';

const legacyIssuer = 'kubernetes/serviceaccount';
const claimPrefix = 'kubernetes.io/serviceaccount/';

/** Whose token, and where it is kept. */
export interface LegacyTokenSubject {
  readonly namespace: string;
  readonly name: string;
  /** Of the account. */
  readonly uid: string;
  readonly secret: string;
}

export function signLegacyToken(
  { namespace, name, uid, secret }: LegacyTokenSubject,
  key: SigningKey,
): string {
  const claims = {
    iss: legacyIssuer,
    [`${claimPrefix}namespace`]: namespace,
    [`${claimPrefix}secret.name`]: secret,
    [`${claimPrefix}service-account.name`]: name,
    [`${claimPrefix}service-account.uid`]: uid,
    sub: `system:serviceaccount:${namespace}:${name}`,
  };
  return signToken(claims, key);
}

export interface LegacyTokenOptions {
  readonly reader: ObjectReader;
  readonly clock: Pick<Clock, 'now'>;
  readonly keys: readonly VerificationKey[];
  /** This server's: such a token is for nobody else. */
  readonly audiences: readonly string[];
}

export function createLegacyTokenAuthenticator(options: LegacyTokenOptions): TokenAuthenticator {
  const { reader, clock, keys, audiences: own } = options;
  return {
    authenticate(token, { audiences = own } = {}) {
      const opened = openToken(token);
      if (opened?.claims['iss'] !== legacyIssuer) return undefined;
      if (!candidateKeys(opened, keys).some((key) => opened.isSignedBy(key))) {
        throw refusal('its signature is wrong');
      }
      const common = audiences.filter((audience) => own.includes(audience));
      if (common.length === 0) throw refusal(`it is for the audiences ${JSON.stringify(own)}`);
      const subject = subjectOf(opened.claims);
      checkSecret(reader, subject, { token, nowMs: clock.now() });
      const { namespace, name, uid } = subject;
      const account = reader.get('', 'serviceaccounts', { namespace, name });
      if (account?.metadata.uid !== uid || account.metadata.deletionTimestamp !== undefined) {
        throw refusal('its account is gone');
      }
      const username = `system:serviceaccount:${namespace}:${name}`;
      const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
      return { user: { username, uid, groups }, audiences: common };
    },
  };
}

function subjectOf(claims: JsonObject): LegacyTokenSubject {
  const text = (claim: string): string => {
    const value = claims[`${claimPrefix}${claim}`];
    if (typeof value !== 'string' || value === '')
      throw refusal('its claims are not those of a service account');
    return value;
  };
  const namespace = text('namespace');
  const name = text('service-account.name');
  if (claims['sub'] !== `system:serviceaccount:${namespace}:${name}`) {
    throw refusal('its subject and its claims differ');
  }
  return { namespace, name, uid: text('service-account.uid'), secret: text('secret.name') };
}

function checkSecret(
  reader: ObjectReader,
  { namespace, secret: name }: LegacyTokenSubject,
  { token, nowMs }: { readonly token: string; readonly nowMs: number },
): void {
  const secret = reader.get('', 'secrets', { namespace, name });
  if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) {
    throw refusal('the secret that holds it is gone');
  }
  if (!sameText(legacyTokenIn(secret), token)) throw refusal('its secret holds another');
  const since = Date.parse(secret.metadata.labels?.[invalidSinceLabel] ?? '');
  if (since <= nowMs) throw refusal('it was taken back');
}

/** Empty when the Secret holds none. */
export function legacyTokenIn(secret: KubeObject): string {
  const { data } = secret;
  const token = isObject(data) ? (data as { token?: unknown }).token : undefined;
  return typeof token === 'string' ? Buffer.from(token, 'base64').toString() : '';
}

function sameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function refusal(why: string): Error {
  return newUnauthorized(`Unauthorized: the service account token is refused: ${why}`);
}
