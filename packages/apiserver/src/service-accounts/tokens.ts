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
import { openToken, publicJwk, readTokenKey, signToken, type TokenKey } from './jwt.js';

export interface ServiceAccountTokensOptions {
  readonly reader: ObjectReader;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'uuid'>;
  /** EC P-256. */
  readonly privateKeyPem: string;
  /** URL of this server; also its audience. */
  readonly issuer: string;
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
  readonly #key: TokenKey;

  constructor(options: ServiceAccountTokensOptions) {
    this.#options = options;
    this.#key = readTokenKey(options.privateKeyPem);
  }

  /** What a token is good for unless its request says otherwise. */
  get audiences(): readonly string[] {
    return [this.#options.issuer];
  }

  /** Where accounts, and what tokens are bound to, are looked up. */
  get reader(): ObjectReader {
    return this.#options.reader;
  }

  issue(options: IssueOptions): IssuedToken {
    const { namespace, name, uid, boundObject, node } = options;
    const issuedAt = Math.floor(this.#options.clock.now() / 1000);
    const expiration = issuedAt + options.expirationSeconds;
    const claims = {
      aud: options.audiences.length > 0 ? options.audiences : this.audiences,
      exp: expiration,
      iat: issuedAt,
      iss: this.#options.issuer,
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
    return { token: signToken(claims, this.#key), expirationMs: expiration * 1000 };
  }

  authenticate(token: string, { audiences = this.audiences }: TokenOptions = {}): TokenIdentity | undefined {
    const opened = openToken(token);
    if (opened === undefined || opened.claims['iss'] !== this.#options.issuer) return undefined;
    const { claims } = opened;
    if (!opened.isSignedBy(this.#key)) throw refusal('its signature is wrong');
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
          { keys: [publicJwk(this.#key)] },
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
    const { issuer } = this.#options;
    return {
      issuer,
      jwks_uri: `${issuer.replace(/\/$/, '')}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
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
