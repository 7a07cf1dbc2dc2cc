/** ServiceAccounts and their `token` subresource. Made once at server start. */
import { listAt, textAt } from '../builtin/access.js';
import { ageColumn, nameColumn, numberColumn } from '../builtin/columns.js';
import { type BuiltinFacts, define } from '../builtin/define.js';
import { builtinSchema } from '../builtin/schemas.js';
import type { ResourceDefinition } from '../registry/resource.js';
import { answerTokenRequest } from './token-request.js';
import type { ServiceAccountTokens } from './tokens.js';

const tokenRequest = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' } as const;

export function serviceAccountResource(tokens: ServiceAccountTokens): ResourceDefinition {
  const facts: BuiltinFacts = {
    group: '',
    resource: 'serviceaccounts',
    kind: 'ServiceAccount',
    shortNames: ['sa'],
    namespaced: true,
    columns: [nameColumn, numberColumn('Secrets', (object) => listAt(object, 'secrets').length), ageColumn],
    // Of a referenced secret only the name means anything here.
    defaults(object) {
      const secrets = listAt(object, 'secrets');
      if (secrets.length > 0) object['secrets'] = secrets.map((secret) => ({ name: textAt(secret, 'name') }));
    },
    strategy: { deleteReturnsObject: true },
    subresources: [
      {
        name: 'token',
        verbs: ['create'],
        kind: tokenRequest,
        get schema() {
          return builtinSchema(tokenRequest.group, tokenRequest.version, tokenRequest.kind);
        },
        create: async (body, context) => answerTokenRequest(tokens, body, context),
      },
    ],
  };
  // The same in every profile and every version of Kubernetes.
  const [definition] = define(facts, { profile: 'cluster', kubernetesVersion: { major: 1, minor: 30 } });
  if (definition === undefined) throw new Error('no version of serviceaccounts is served');
  return definition;
}
