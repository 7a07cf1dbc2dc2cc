/**
 * RBAC: allowed when any rule of any binding that applies says so, never explicitly denied. system:masters passes
 * everything. Also holds the escalation rule: nobody grants what they do not have. apiserver.md 6.2, 6.3.
 */
import { type KubeObject, newForbidden } from '@flotilla/api';
import type { ObjectReader } from '../authentication/object-reader.js';
import type { UserInfo } from '../authentication/user.js';
import { type AccessAttributes, type Authorizer, type Decision, isNonResource } from './attributes.js';
import { type Grant, RbacIndex } from './rbac-index.js';
import { describeRule, type PolicyRule, ruleAllows, uncoveredRules } from './rules.js';

export const rbacGroup = 'rbac.authorization.k8s.io';

export interface RbacAuthorizer extends Authorizer {
  /** All rules that apply to a user, for SelfSubjectRulesReview. */
  rulesFor(user: UserInfo, namespace: string | undefined): readonly PolicyRule[];
  /** @throws StatusError 403 when the role or binding would grant more than the user has. */
  checkEscalation(user: UserInfo, object: KubeObject): void;
  close(): void;
}

export function createRbacAuthorizer(reader: ObjectReader): RbacAuthorizer {
  const index = new RbacIndex(reader);
  const stop = index.start();
  const authorize = (user: UserInfo, attributes: AccessAttributes): Decision => {
    if (user.groups.includes('system:masters')) return { allowed: true, reason: '' };
    const namespace = isNonResource(attributes) ? undefined : attributes.namespace;
    for (const grant of index.grants(user, namespace)) {
      if (grant.rules.some((rule) => ruleAllows(rule, attributes)))
        return { allowed: true, reason: describe(grant) };
    }
    return { allowed: false, reason: '' };
  };
  const rulesFor = (user: UserInfo, namespace: string | undefined): readonly PolicyRule[] => {
    if (user.groups.includes('system:masters')) return everything;
    return [...index.grants(user, namespace)].flatMap(({ rules }) => rules);
  };
  return {
    authorize,
    rulesFor,
    checkEscalation: (user, object) => checkEscalation({ authorize, rulesFor, index }, user, object),
    close: stop,
  };
}

const everything: readonly PolicyRule[] = Object.freeze([
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]);

function describe({ binding, subject }: Grant): string {
  const where = binding.namespace === '' ? binding.name : `${binding.name}/${binding.namespace}`;
  const who =
    subject.kind === 'ServiceAccount'
      ? `"${subject.name}/${subject.namespace ?? binding.namespace}"`
      : JSON.stringify(subject.name);
  return `RBAC: allowed by ${binding.kind} ${JSON.stringify(where)} of ${binding.roleKind} ${JSON.stringify(binding.roleName)} to ${subject.kind} ${who}`;
}

interface EscalationContext {
  readonly authorize: Authorizer['authorize'];
  readonly rulesFor: RbacAuthorizer['rulesFor'];
  readonly index: RbacIndex;
}

const resourceOfKind: Readonly<Record<string, string>> = {
  Role: 'roles',
  ClusterRole: 'clusterroles',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
};

function checkEscalation(context: EscalationContext, user: UserInfo, object: KubeObject): void {
  const resource = resourceOfKind[object.kind];
  if (resource === undefined || user.groups.includes('system:masters')) return;
  const { name = '', namespace } = object.metadata;
  const isBinding = object.kind.endsWith('Binding');
  const roleRef = (object['roleRef'] ?? {}) as { kind?: string; name?: string }; // rbac/v1 RoleRef
  const target = isBinding
    ? { verb: 'bind', resource: resourceOfKind[roleRef.kind ?? ''] ?? '', name: roleRef.name ?? '' }
    : { verb: 'escalate', resource, name };
  const scope = namespace === undefined ? {} : { namespace };
  if (context.authorize(user, { group: rbacGroup, ...target, ...scope }).allowed) return;
  const wanted = isBinding
    ? context.index.rulesOf({
        roleKind: roleRef.kind ?? '',
        roleName: roleRef.name ?? '',
        namespace: namespace ?? '',
      })
    : ((object['rules'] ?? []) as readonly PolicyRule[]); // rbac/v1 Role
  const missing = uncoveredRules(context.rulesFor(user, namespace), wanted);
  if (missing.length === 0) return;
  const groups = user.groups.map((group) => JSON.stringify(group)).join(' ');
  throw newForbidden(
    { group: rbacGroup, resource, name },
    `user ${JSON.stringify(user.username)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${missing.map((rule) => describeRule(rule)).join('\n')}`,
  );
}
