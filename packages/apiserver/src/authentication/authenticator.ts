/**
 * Who makes a request. Order as in kube-apiserver: client certificate, bearer token, anonymous. The first credential
 * that is good decides; a bad one never stops the next, but where something was presented and nothing was good the
 * answer is 401, even where anonymous requests are let in. apiserver.md 6.1.
 */
import { newUnauthorized, StatusError } from '@flotilla/api';
import type { ApiRequest } from '../server/handler.js';
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

/** Undefined: the chain is empty. Throws StatusError 401 when it is not to be believed. */
export interface CertificateAuthenticator {
  authenticate(chain: readonly Uint8Array[]): UserInfo | undefined;
}

export interface AuthenticatorOptions {
  readonly certificates: CertificateAuthenticator;
  readonly tokens: readonly TokenAuthenticator[];
  /** Requests without credentials are system:anonymous instead of 401. */
  readonly anonymous: boolean;
}

export interface Authenticator {
  /** @throws StatusError 401. */
  authenticate(request: ApiRequest): UserInfo;
  /**
   * For TokenReview: who a token is, without a request. Undefined: no kind of token that is known.
   * @throws StatusError 401 with the reason.
   */
  authenticateToken(token: string, options?: TokenOptions): TokenIdentity | undefined;
}

const anonymousUser: UserInfo = Object.freeze({
  username: 'system:anonymous',
  groups: Object.freeze(['system:unauthenticated']),
});

const webSocketPrefix = 'base64url.bearer.authorization.k8s.io.';

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const authenticateToken: Authenticator['authenticateToken'] = (token, tokenOptions) => {
    for (const method of options.tokens) {
      const identity = method.authenticate(token, tokenOptions);
      if (identity !== undefined) return { ...identity, user: withAuthenticated(identity.user) };
    }
    return undefined;
  };
  return {
    authenticateToken,
    authenticate(request) {
      const failures: StatusError[] = [];
      if (request.clientCertificates.length > 0) {
        const user = attempt(failures, () => options.certificates.authenticate(request.clientCertificates));
        if (user !== undefined) return withAuthenticated(user);
      }
      const token = bearerToken(request);
      if (token !== undefined) {
        const identity = attempt(failures, () => authenticateToken(token));
        if (identity !== undefined) return identity.user;
      }
      // The last: a token is shown on purpose, a connection's certificate comes along.
      const failure = failures.at(-1);
      if (failure !== undefined) throw failure;
      const isSomethingShown = token !== undefined || request.headers['authorization'] !== undefined;
      if (isSomethingShown || !options.anonymous) throw newUnauthorized();
      return anonymousUser;
    },
  };
}

/** What the method answers; its 401 is kept for when no other method helps. */
function attempt<T>(failures: StatusError[], method: () => T | undefined): T | undefined {
  try {
    return method();
  } catch (error) {
    if (!(error instanceof StatusError) || error.status.code !== 401) throw error;
    failures.push(error);
    return undefined;
  }
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
