/** The answers to TokenReview (whose is this token) and SelfSubjectReview (who am I). Nothing is kept of a token. */
import { type KubeObject, newBadRequest, StatusError } from '@flotilla/api';
import type { Authenticator, TokenIdentity } from '../authentication/authenticator.js';
import type { UserInfo } from '../authentication/user.js';

export async function reviewToken(authenticator: Authenticator, body: KubeObject): Promise<KubeObject> {
  // authentication.k8s.io/v1 TokenReviewSpec; types were checked on the way in
  const { token = '', audiences = [] } = (body['spec'] ?? {}) as { token?: string; audiences?: string[] };
  if (token === '') throw newBadRequest('token is required for TokenReview in authentication');
  try {
    const identity = await authenticator.authenticateToken(token, audiences.length > 0 ? { audiences } : {});
    return { ...body, status: statusOf(identity, audiences) };
  } catch (error) {
    if (!(error instanceof StatusError) || error.status.code !== 401) throw error;
    return { ...body, status: { error: error.status.message, user: {} } };
  }
}

/** A token of a kind without audiences is shown to the API server only, never to somebody who names audiences. */
function statusOf(identity: TokenIdentity | undefined, asked: readonly string[]): object {
  if (identity === undefined || (identity.audiences === undefined && asked.length > 0)) return { user: {} };
  const { user, audiences } = identity;
  return { authenticated: true, user: wireUser(user), ...(audiences !== undefined && { audiences }) };
}

export function reviewSelf(body: KubeObject, { user }: { readonly user: UserInfo }): KubeObject {
  return { ...body, status: { userInfo: wireUser(user) } };
}

/** authentication.k8s.io/v1 UserInfo. */
function wireUser({ username, uid, groups, extra }: UserInfo): object {
  return { username, ...(uid !== undefined && { uid }), groups, ...(extra !== undefined && { extra }) };
}
