/**
 * RBAC: allowed when any rule of any binding that applies says so, never explicitly denied. system:masters passes
 * everything. apiserver.md 6.2.
 */
import type { KubeObject } from '@flotilla/api';
import type { ObjectReader } from '../authentication/object-reader.js';
import type { UserInfo } from '../authentication/user.js';
import { type AccessAttributes, type Authorizer, type Decision, isNonResource } from './attributes.js';
import { checkEscalation } from './escalation.js';
import { type Grant, RbacIndex } from './rbac-index.js';
import { everything, type PolicyRule, ruleAllows } from './rules.js';

export { rbacGroup } from './escalation.js';

export interface RbacAuthorizer extends Authorizer {
  /** All rules that apply to a user, for SelfSubjectRulesReview. */
  rulesFor(user: UserInfo, namespace: string | undefined): readonly PolicyRule[];
  /**
   * Looks at a role or binding that the user is about to write.
   * @throws StatusError 403 when it would grant more than the user has, 404 when its role does not exist.
   */
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
    checkEscalation: (user, object) =>
      checkEscalation({ authorize, rulesFor, rulesOf: (role) => index.rulesOf(role) }, user, object),
    close: stop,
  };
}

function describe({ binding, subject }: Grant): string {
  const where = binding.namespace === '' ? binding.name : `${binding.name}/${binding.namespace}`;
  const who =
    subject.kind === 'ServiceAccount'
      ? `"${subject.name}/${subject.namespace ?? binding.namespace}"`
      : JSON.stringify(subject.name);
  return `RBAC: allowed by ${binding.kind} ${JSON.stringify(where)} of ${binding.roleKind} ${JSON.stringify(binding.roleName)} to ${subject.kind} ${who}`;
}
