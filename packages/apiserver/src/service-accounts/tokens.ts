/**
 * Tokens of service accounts: issued for a bounded time, perhaps bound to a Pod, Secret or Node, and believed while
 * the account (by its uid) and what they are bound to exist. Used by the TokenRequest subresource, by authentication,
 * and by the OpenID discovery documents. apiserver.md 5.4; k8s pkg/serviceaccount.
 */
import { isObject, type JsonObject, type KubeObject, newUnauthorized, parseTime } from '@flotilla/api';
import type { Clock, Random } from '@flotilla/kube';
import type { TokenAuthenticator, TokenIdentity, TokenOptions } from '../authentication/authenticator.js';
import type { ObjectReader } from '../authentication/object-reader.js';
import type { ApiResponse } from '../server/handler.js';
import { jsonResponse } from '../server/responses.js';
import { candidateKeys, openToken, publicJwk, signToken } from './jwt.js';
import type { SigningKey, VerificationKey } from './token-keys.js';

/** Which tokens are issued and believed. */
export interface TokenSettings {
  readonly signingKey: SigningKey;
  /** Whose tokens are believed besides, and which are published, too. */
  readonly verificationKeys?: readonly VerificationKey[];
  /** The first issues; tokens of all are believed. The first's URL is where the published keys are found. */
  readonly issuers: readonly [string, ...string[]];
  /** What a token is good for that names no audience, and which audiences are this server; default: the issuers. */
  readonly audiences?: readonly string[];
  /** No token lives longer, whatever was asked for. */
  readonly maxExpirationSeconds?: number;
}

export interface ServiceAccountTokensOptions extends TokenSettings {
  readonly reader: ObjectReader;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'uuid'>;
}

/** The object whose end ends the token. */
export interface BoundObject {
  readonly kind: 'Pod' | 'Secret' | 'Node';
  readonly name: string;
  readonly uid: string;
}

export interface IssueOptions {
  readonly namespace: string;
  readonly name: string;
  /** Of the service account. */
  readonly uid: string;
  /** Empty: this server's own. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly boundObject?: BoundObject;
  /** Where the pod that the token is bound to runs. */
  readonly node?: { readonly name: string; readonly uid?: string };
}

export interface IssuedToken {
  readonly token: string;
  readonly expirationMs: number;
}

interface NamedObject {
  readonly name: string;
  readonly uid: string;
}

/** Clocks of replicas differ, and an object on its way out is still needed by what stops last. */
const leewayMs = 60_000;

const boundKinds = { pod: 'pods', secret: 'secrets', node: 'nodes' } as const;

export class ServiceAccountTokens implements TokenAuthenticator {
  readonly #options: ServiceAccountTokensOptions;
  readonly #keys: readonly VerificationKey[];

  constructor(options: ServiceAccountTokensOptions) {
    this.#options = options;
    const { signingKey, verificationKeys = [] } = options;
    this.#keys = [signingKey, ...verificationKeys.filter(({ id }) => id !== signingKey.id)];
  }

  /** What a token is good for unless its request says otherwise. */
  get audiences(): readonly string[] {
    return this.#options.audiences ?? this.#options.issuers;
  }

  /** Every key whose tokens are believed. */
  get keys(): readonly VerificationKey[] {
    return this.#keys;
  }

  /** Where accounts, and what tokens are bound to, are looked up. */
  get reader(): ObjectReader {
    return this.#options.reader;
  }

  issue(options: IssueOptions): IssuedToken {
    const { namespace, name, uid, boundObject, node } = options;
    const issuedAt = Math.floor(this.#options.clock.now() / 1000);
    const { signingKey, issuers, maxExpirationSeconds = Number.POSITIVE_INFINITY } = this.#options;
    const expiration = issuedAt + Math.min(options.expirationSeconds, maxExpirationSeconds);
    const claims = {
      aud: options.audiences.length > 0 ? options.audiences : this.audiences,
      exp: expiration,
      iat: issuedAt,
      iss: issuers[0],
      jti: this.#options.random.uuid(),
      'kubernetes.io': {
        namespace,
        ...(node !== undefined && { node }),
        ...(boundObject !== undefined && {
          [boundObject.kind.toLowerCase()]: { name: boundObject.name, uid: boundObject.uid },
        }),
        serviceaccount: { name, uid },
      },
      nbf: issuedAt,
      sub: `system:serviceaccount:${namespace}:${name}`,
    };
    return { token: signToken(claims, signingKey), expirationMs: expiration * 1000 };
  }

  authenticate(token: string, { audiences = this.audiences }: TokenOptions = {}): TokenIdentity | undefined {
    const opened = openToken(token);
    const issuer = opened?.claims['iss'];
    if (opened === undefined || typeof issuer !== 'string' || !this.#options.issuers.includes(issuer))
      return undefined;
    const { claims } = opened;
    if (!candidateKeys(opened, this.#keys).some((key) => opened.isSignedBy(key)))
      throw refusal('its signature is wrong');
    this.#checkTimes(claims);
    const own = textList(claims['aud']);
    const common = audiences.filter((audience) => own.includes(audience));
    if (common.length === 0) throw refusal(`it is for the audiences ${JSON.stringify(own)}`);
    return { user: this.#userOf(claims), audiences: common };
  }

  /** `/.well-known/openid-configuration` and `/openid/v1/jwks`; undefined for another path. */
  discoveryDocument(path: string): ApiResponse | undefined {
    const headers = { 'cache-control': 'public, max-age=3600' };
    switch (path.replace(/\/$/, '')) {
      case '/.well-known/openid-configuration':
        return jsonResponse(200, this.#configuration(), headers);
      case '/openid/v1/jwks':
        return jsonResponse(
          200,
          { keys: this.#keys.map(publicJwk) },
          {
            ...headers,
            'content-type': 'application/jwk-set+json',
          },
        );
      default:
        return undefined;
    }
  }

  #configuration(): object {
    const [issuer] = this.#options.issuers;
    return {
      issuer,
      jwks_uri: `${issuer.replace(/\/$/, '')}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [...new Set(this.#keys.map(({ algorithm }) => algorithm))],
    };
  }

  #checkTimes({ exp, nbf }: JsonObject): void {
    const nowMs = this.#options.clock.now();
    if (typeof exp !== 'number' || nowMs >= exp * 1000) throw refusal('it has expired');
    if (typeof nbf !== 'number' || nowMs < nbf * 1000 - leewayMs) throw refusal('it is not valid yet');
  }

  /** The account that the claims name, when it and all that the token hangs on are still there. */
  #userOf(claims: JsonObject): TokenIdentity['user'] {
    const facts = claims['kubernetes.io'];
    const namespace = isObject(facts) ? facts['namespace'] : undefined;
    const account = isObject(facts) ? namedObject(facts['serviceaccount']) : undefined;
    if (!isObject(facts) || typeof namespace !== 'string' || account === undefined) {
      throw refusal('its claims are not those of a service account');
    }
    const username = `system:serviceaccount:${namespace}:${account.name}`;
    if (claims['sub'] !== username) throw refusal('its subject and its claims differ');
    this.#expectAlive('serviceaccounts', { namespace, ...account });
    const isBoundToPod = facts['pod'] !== undefined;
    for (const [claim, resource] of Object.entries(boundKinds)) {
      // Of a pod's token, the node is only a remark.
      if (facts[claim] === undefined || (claim === 'node' && isBoundToPod)) continue;
      const bound = namedObject(facts[claim]);
      if (bound === undefined) throw refusal('its claims are not those of a service account');
      this.#expectAlive(resource, claim === 'node' ? bound : { namespace, ...bound });
    }
    return {
      username,
      uid: account.uid,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
      extra: extraOf(claims, facts),
    };
  }

  #expectAlive(resource: string, { uid, ...key }: NamedObject & { readonly namespace?: string }): void {
    const object = this.#options.reader.get('', resource, key);
    if (object === undefined || object.metadata.uid !== uid || this.#isGone(object)) {
      throw refusal(`what it was issued for, ${JSON.stringify(key.name)} of ${resource}, is gone`);
    }
  }

  #isGone({ metadata }: KubeObject): boolean {
    const { deletionTimestamp } = metadata;
    return (
      deletionTimestamp !== undefined && parseTime(deletionTimestamp) < this.#options.clock.now() - leewayMs
    );
  }
}

function refusal(why: string): Error {
  return newUnauthorized(`Unauthorized: the service account token is refused: ${why}`);
}

function namedObject(value: unknown): NamedObject | undefined {
  if (!isObject(value)) return undefined;
  const { name, uid } = value as Record<'name' | 'uid', unknown>;
  return typeof name === 'string' && typeof uid === 'string' ? { name, uid } : undefined;
}

function textList(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function extraOf(claims: JsonObject, facts: JsonObject): Record<string, readonly string[]> {
  const prefix = 'authentication.kubernetes.io';
  const extra: Record<string, readonly string[]> = {};
  if (typeof claims['jti'] === 'string') extra[`${prefix}/credential-id`] = [`JTI=${claims['jti']}`];
  for (const kind of ['pod', 'node'] as const) {
    const value = facts[kind];
    if (!isObject(value)) continue;
    if (typeof value['name'] === 'string') extra[`${prefix}/${kind}-name`] = [value['name']];
    if (typeof value['uid'] === 'string') extra[`${prefix}/${kind}-uid`] = [value['uid']];
  }
  return extra;
}
