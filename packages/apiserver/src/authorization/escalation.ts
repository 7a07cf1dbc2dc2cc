/**
 * Nobody grants permissions that they do not hold: the check of every role and binding before it is stored. The verbs
 * `escalate` (roles) and `bind` (bindings) lift it. apiserver.md 6.3; k8s pkg/registry/rbac.
 */
import { type KubeObject, newForbidden, newNotFound } from '@flotilla/api';
import type { UserInfo } from '../authentication/user.js';
import type { Authorizer } from './attributes.js';
import type { Binding } from './rbac-index.js';
import { compactRules, describeRule, type PolicyRule, uncoveredRules } from './rules.js';

export const rbacGroup = 'rbac.authorization.k8s.io';

export interface EscalationContext {
  readonly authorize: Authorizer['authorize'];
  readonly rulesFor: (user: UserInfo, namespace: string | undefined) => readonly PolicyRule[];
  /** Undefined: there is no such role. */
  readonly rulesOf: (
    role: Pick<Binding, 'roleKind' | 'roleName' | 'namespace'>,
  ) => readonly PolicyRule[] | undefined;
}

const resourceOfKind: Readonly<Record<string, string>> = {
  Role: 'roles',
  ClusterRole: 'clusterroles',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
};

/** An aggregated role may come to hold anything. */
const fullAuthority: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

interface Target {
  /** `roles` or `clusterroles`. */
  readonly resource: string;
  readonly name: string;
  readonly verb: 'bind' | 'escalate';
}

/** @throws StatusError 403, or 404 for a binding to a role that does not exist. */
export function checkEscalation(context: EscalationContext, user: UserInfo, object: KubeObject): void {
  const resource = resourceOfKind[object.kind];
  if (resource === undefined || user.groups.includes('system:masters')) return;
  const { name = '', namespace } = object.metadata;
  const isBinding = object.kind.endsWith('Binding');
  const target: Target = isBinding ? roleOfBinding(object) : { verb: 'escalate', resource, name };
  const scope = namespace === undefined ? {} : { namespace };
  if (context.authorize(user, { group: rbacGroup, ...target, ...scope }).allowed) return;
  const wanted = isBinding
    ? boundRules(context, target, namespace ?? '')
    : ((object['rules'] ?? []) as readonly PolicyRule[]); // rbac/v1 Role
  const held = context.rulesFor(user, namespace);
  const refuse = (why: string): void => {
    throw newForbidden({ group: rbacGroup, resource, name }, why);
  };
  const missing = uncoveredRules(held, wanted);
  if (missing.length > 0) refuse(describeMissing(user, missing));
  if (object['aggregationRule'] === undefined) return;
  const missingAuthority = uncoveredRules(held, fullAuthority);
  if (missingAuthority.length === 0) return;
  refuse(
    `must have cluster-admin privileges to use the aggregationRule: ${describeMissing(user, missingAuthority)}`,
  );
}

function roleOfBinding(object: KubeObject): Target {
  const { kind = '', name = '' } = (object['roleRef'] ?? {}) as { kind?: string; name?: string }; // rbac/v1 RoleRef
  return { verb: 'bind', resource: resourceOfKind[kind] ?? '', name };
}

/** A binding to a role that is yet to come would grant whatever somebody puts there. */
function boundRules(
  context: EscalationContext,
  { resource, name }: Target,
  namespace: string,
): readonly PolicyRule[] {
  const roleKind = resource === 'clusterroles' ? 'ClusterRole' : 'Role';
  const rules = context.rulesOf({ roleKind, roleName: name, namespace });
  if (rules === undefined) throw newNotFound({ group: rbacGroup, resource, name });
  return rules;
}

function describeMissing(user: UserInfo, missing: readonly PolicyRule[]): string {
  const groups = user.groups.map((group) => JSON.stringify(group)).join(' ');
  const lines = new Set(compactRules(missing).map((rule) => describeRule(rule)));
  return `user ${JSON.stringify(user.username)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${[...lines].sort().join('\n')}`;
}
