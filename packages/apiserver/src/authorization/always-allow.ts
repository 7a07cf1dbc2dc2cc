/**
 * `--authorization-mode=AlwaysAllow`: everybody may do everything, for tests of what is not about permissions. Reviews
 * and the check against escalation answer accordingly. Called when a server is put together.
 */
import type { RbacAuthorizer } from './rbac-authorizer.js';
import { everything } from './rules.js';

export function createAlwaysAllowAuthorizer(): RbacAuthorizer {
  return {
    authorize: () => ({ allowed: true, reason: '' }),
    rulesFor: () => everything,
    checkEscalation: () => undefined,
    close: () => undefined,
  };
}
