/**
 * Names that a condition rule may give its condition. One that the status cannot hold would have the API refuse the
 * whole status; one that is built in would be set by two, in turns. Called by the hub's admission and by the
 * klusterlet, which cannot rely on it. Pure.
 */
import { qualifiedNamePattern } from '../kinds/common.js';
import { manifestCondition, workCondition } from '../names.js';

const pattern = new RegExp(qualifiedNamePattern);
/** As the schema of conditions has it. */
const maxLength = 316;
const builtIn: ReadonlySet<string> = new Set([
  manifestCondition.applied,
  manifestCondition.available,
  manifestCondition.statusFeedbackSynced,
  workCondition.deleting,
]);

/** Why no rule may define this condition; undefined when one may. */
export function ruleConditionProblem(type: string): string | undefined {
  if (builtIn.has(type)) return `the condition ${type} is built in and cannot be defined by a rule`;
  if (type.length > maxLength) return `a condition type may have at most ${maxLength} characters`;
  return pattern.test(type) ? undefined : `a condition type must match ${qualifiedNamePattern}`;
}
