/**
 * Who makes a request. Order as in kube-apiserver: front proxy, client certificate, bearer token, anonymous. The first
 * credential that is good decides; a bad one never stops the next, but where something was presented and nothing was
 * good the answer is 401, even where anonymous requests are let in. apiserver.md 6.1. All but tokens of other issuers is
 * answered at once: only those may make a request wait.
 */
import { newUnauthorized, StatusError } from '@flotilla/api';
import type { ApiRequest } from '../server/handler.js';
import type { FrontProxyAuthenticator } from './front-proxy.js';
import type { UserInfo } from './user.js';

/** Who a token is, and to which audiences it may be shown. */
export interface TokenIdentity {
  readonly user: UserInfo;
  /** Those of the asked audiences that the token is good for; absent: its kind knows no audiences. */
  readonly audiences?: readonly string[];
}

export interface TokenOptions {
  /** Who asks; absent: this API server itself. */
  readonly audiences?: readonly string[];
}

/** One kind of bearer token. Undefined: the token is not of this kind. Throws StatusError 401 when it is and is bad. */
export interface TokenAuthenticator {
  authenticate(token: string, options?: TokenOptions): TokenIdentity | undefined;
}

/** A kind of token that takes its time: its issuer's keys may have to be fetched, and signatures are checked elsewhere. */
export interface SlowTokenAuthenticator {
  /** Undefined: not of this kind. Rejects with StatusError 401 when it is and is bad. */
  authenticate(token: string, options?: TokenOptions): Promise<TokenIdentity | undefined>;
}

/** Undefined: the chain is empty. Throws StatusError 401 when it is not to be believed. */
export interface CertificateAuthenticator {
  authenticate(chain: readonly Uint8Array[]): UserInfo | undefined;
}

export interface AuthenticatorOptions {
  readonly certificates: CertificateAuthenticator;
  readonly frontProxy?: FrontProxyAuthenticator;
  readonly tokens: readonly TokenAuthenticator[];
  /** Asked when no other kind knows the token. */
  readonly slowTokens?: readonly SlowTokenAuthenticator[];
  /** Whether a request without credentials is system:anonymous instead of 401. */
  readonly anonymous: boolean | ((request: ApiRequest) => boolean);
}

export interface Authenticator {
  /** A promise only where a token of another issuer is shown. @throws StatusError 401, or rejects with it. */
  authenticate(request: ApiRequest): UserInfo | Promise<UserInfo>;
  /**
   * For TokenReview: who a token is, without a request. Undefined: no kind of token that is known.
   * @throws StatusError 401 with the reason.
   */
  authenticateToken(
    token: string,
    options?: TokenOptions,
  ): TokenIdentity | undefined | Promise<TokenIdentity | undefined>;
}

const anonymousUser: UserInfo = Object.freeze({
  username: 'system:anonymous',
  groups: Object.freeze(['system:unauthenticated']),
});

const webSocketPrefix = 'base64url.bearer.authorization.k8s.io.';

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { certificates, frontProxy, tokens, slowTokens = [], anonymous } = options;
  const isAnonymousLetIn = typeof anonymous === 'boolean' ? () => anonymous : anonymous;

  const ofKnownKind = (token: string, tokenOptions?: TokenOptions): TokenIdentity | undefined => {
    for (const method of tokens) {
      const identity = method.authenticate(token, tokenOptions);
      if (identity !== undefined) return { ...identity, user: withAuthenticated(identity.user) };
    }
    return undefined;
  };

  const ofSlowKind = async (
    token: string,
    tokenOptions?: TokenOptions,
  ): Promise<TokenIdentity | undefined> => {
    const failures: StatusError[] = [];
    for (const method of slowTokens) {
      const identity = await attemptSlow(failures, () => method.authenticate(token, tokenOptions));
      if (identity !== undefined) return { ...identity, user: withAuthenticated(identity.user) };
    }
    const [failure] = failures;
    if (failure !== undefined) throw failure;
    return undefined;
  };

  return {
    authenticateToken: (token, tokenOptions) =>
      ofKnownKind(token, tokenOptions) ??
      (slowTokens.length > 0 ? ofSlowKind(token, tokenOptions) : undefined),
    authenticate(request) {
      const failures: StatusError[] = [];
      const proxied = frontProxy && attempt(failures, () => frontProxy.authenticate(request));
      if (proxied !== undefined) return withAuthenticated(proxied);
      if (request.clientCertificates.length > 0) {
        const user = attempt(failures, () => certificates.authenticate(request.clientCertificates));
        if (user !== undefined) return withAuthenticated(user);
      }
      const token = bearerToken(request);
      const nobody = (): UserInfo => {
        // The last: a token is shown on purpose, a connection's certificate comes along.
        const failure = failures.at(-1);
        if (failure !== undefined) throw failure;
        const isSomethingShown = token !== undefined || request.headers['authorization'] !== undefined;
        if (isSomethingShown || !isAnonymousLetIn(request)) throw newUnauthorized();
        return anonymousUser;
      };
      if (token === undefined) return nobody();
      const identity = attempt(failures, () => ofKnownKind(token));
      if (identity !== undefined) return identity.user;
      if (slowTokens.length === 0) return nobody();
      return attemptSlow(failures, () => ofSlowKind(token)).then((late) => late?.user ?? nobody());
    },
  };
}

/** What the method answers; its 401 is kept for when no other method helps. */
function attempt<T>(failures: StatusError[], method: () => T | undefined): T | undefined {
  try {
    return method();
  } catch (error) {
    failures.push(refusalOf(error));
    return undefined;
  }
}

async function attemptSlow<T>(
  failures: StatusError[],
  method: () => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await method();
  } catch (error) {
    failures.push(refusalOf(error));
    return undefined;
  }
}

/** @throws what is no 401: a defect. */
function refusalOf(error: unknown): StatusError {
  if (error instanceof StatusError && error.status.code === 401) return error;
  throw error;
}

/** From the header, or from the subprotocol by which a browser's WebSocket carries it. */
function bearerToken({ headers }: ApiRequest): string | undefined {
  const { authorization } = headers as { authorization?: string | readonly string[] };
  const header = typeof authorization === 'string' ? authorization : authorization?.[0];
  const match = /^Bearer +(\S+) *$/i.exec(header ?? '');
  if (match?.[1] !== undefined) return match[1];
  const protocols = String(headers['sec-websocket-protocol'] ?? '').split(',');
  const carried = protocols.map((name) => name.trim()).find((name) => name.startsWith(webSocketPrefix));
  return carried === undefined
    ? undefined
    : Buffer.from(carried.slice(webSocketPrefix.length), 'base64url').toString();
}

/** Every real user is in system:authenticated. */
function withAuthenticated(user: UserInfo): UserInfo {
  if (user.groups.includes('system:authenticated') || user.groups.includes('system:unauthenticated')) {
    return user;
  }
  return { ...user, groups: [...user.groups, 'system:authenticated'] };
}
