/**
 * Who makes a request. The first method that recognises a credential decides; a credential that is presented and
 * bad is 401 even where anonymous requests are let in. Order as in kube-apiserver: client certificate, bearer token,
 * anonymous. apiserver.md 6.1.
 */
import { newUnauthorized } from '@flotilla/api';
import type { ApiRequest } from '../server/handler.js';
import type { UserInfo } from './user.js';

/** One kind of bearer token. Undefined: the token is not of this kind. Throws StatusError 401 when it is and is bad. */
export interface TokenAuthenticator {
  authenticate(token: string): UserInfo | undefined;
}

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
  /** For TokenReview: who a token is, without a request. @throws StatusError 401 with the reason. */
  authenticateToken(token: string): UserInfo | undefined;
}

const anonymousUser: UserInfo = Object.freeze({
  username: 'system:anonymous',
  groups: Object.freeze(['system:unauthenticated']),
});

const webSocketPrefix = 'base64url.bearer.authorization.k8s.io.';

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const authenticateToken = (token: string): UserInfo | undefined => {
    for (const method of options.tokens) {
      const user = method.authenticate(token);
      if (user !== undefined) return withAuthenticated(user);
    }
    return undefined;
  };
  return {
    authenticateToken,
    authenticate(request) {
      if (request.clientCertificates.length > 0) {
        const user = options.certificates.authenticate(request.clientCertificates);
        if (user !== undefined) return withAuthenticated(user);
      }
      const token = bearerToken(request);
      if (token !== undefined) {
        const user = authenticateToken(token);
        if (user === undefined) throw newUnauthorized();
        return user;
      }
      if (!options.anonymous || request.clientCertificates.length > 0) throw newUnauthorized();
      return anonymousUser;
    },
  };
}

function bearerToken({ headers }: ApiRequest): string | undefined {
  const header = headers['authorization'];
  const match = typeof header === 'string' ? /^Bearer\s+(\S+)\s*$/i.exec(header) : null;
  if (match?.[1] !== undefined) return match[1];
  if (header !== undefined) throw newUnauthorized();
  const protocols = String(headers['sec-websocket-protocol'] ?? '').split(',');
  const carried = protocols.map((name) => name.trim()).find((name) => name.startsWith(webSocketPrefix));
  return carried === undefined
    ? undefined
    : Buffer.from(carried.slice(webSocketPrefix.length), 'base64url').toString();
}

/** Every real user is in system:authenticated. */
function withAuthenticated(user: UserInfo): UserInfo {
  if (user.groups.includes('system:authenticated')) return user;
  return { ...user, groups: [...user.groups, 'system:authenticated'] };
}
