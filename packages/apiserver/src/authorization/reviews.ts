/**
 * The review kinds, which are answered and never stored: may somebody do something, who am I, what may I do, whose is
 * this token. Called by the API server's registry. apiserver.md 6.4; k8s.io/api authorization/v1, authentication/v1.
 */
import type { KubeObject } from '@flotilla/api';
import type { Authenticator } from '../authentication/authenticator.js';
import { builtinSchema } from '../builtin/schemas.js';
import type { ResourceDefinition, WriteContext } from '../registry/resource.js';
import { reviewAccess, reviewLocalAccess, reviewOwnAccess, reviewOwnRules } from './access-reviews.js';
import { reviewSelf, reviewToken } from './identity-reviews.js';
import type { RbacAuthorizer } from './rbac-authorizer.js';

export interface ReviewOptions {
  readonly authorizer: RbacAuthorizer;
  readonly authenticator: Authenticator;
}

type Answer = (body: KubeObject, context: WriteContext) => KubeObject | Promise<KubeObject>;

const authorization = 'authorization.k8s.io';
const authentication = 'authentication.k8s.io';

/** All six review resources. */
export function reviewResources({ authorizer, authenticator }: ReviewOptions): ResourceDefinition[] {
  return [
    review(authorization, 'SubjectAccessReview', (body) => reviewAccess(authorizer, body)),
    {
      ...review(authorization, 'LocalSubjectAccessReview', (body) => reviewLocalAccess(authorizer, body)),
      namespaced: true,
    },
    review(authorization, 'SelfSubjectAccessReview', (body, context) =>
      reviewOwnAccess(authorizer, body, context),
    ),
    review(authorization, 'SelfSubjectRulesReview', (body, context) =>
      reviewOwnRules(authorizer, body, context),
    ),
    review(authentication, 'TokenReview', (body) => reviewToken(authenticator, body)),
    review(authentication, 'SelfSubjectReview', (body, context) => reviewSelf(body, context)),
  ];
}

function review(group: string, kind: string, answer: Answer): ResourceDefinition {
  const singular = kind.toLowerCase();
  return {
    group,
    version: 'v1',
    resource: `${singular}s`,
    singular,
    kind,
    listKind: `${kind}List`,
    namespaced: false,
    shortNames: [],
    categories: [],
    verbs: ['create'],
    // Asked for late: most processes never see a review.
    get schema() {
      return builtinSchema(group, 'v1', kind);
    },
    origin: 'builtin',
    columns: [],
    strategy: {
      tracksGeneration: false,
      allowCreateOnUpdate: false,
      allowUnconditionalUpdate: false,
      deleteReturnsObject: false,
      nameRule: 'path',
    },
    hasStatus: false,
    subresources: [],
    selectableFields: {},
    storageVersion: 'v1',
    virtual: async (body, context) => answer(body, context),
  };
}
