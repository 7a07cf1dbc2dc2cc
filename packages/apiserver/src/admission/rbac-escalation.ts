/** Nobody grants permissions that they do not hold. Part of every server, and not to be switched off. */
import { type RbacAuthorizer, rbacGroup } from '../authorization/rbac-authorizer.js';
import type { AdmissionPlugin } from './admission.js';

export const escalationCheckName = 'RbacEscalation';

/** Refuses roles and bindings that go beyond what the writer may do (apiserver.md 6.3). */
export function createEscalationCheck(authorizer: RbacAuthorizer): AdmissionPlugin {
  return {
    name: escalationCheckName,
    handles: ({ definition, operation }) => definition.group === rbacGroup && operation !== 'DELETE',
    validate: ({ object, user }) => {
      if (object !== undefined) authorizer.checkEscalation(user, object);
    },
  };
}
