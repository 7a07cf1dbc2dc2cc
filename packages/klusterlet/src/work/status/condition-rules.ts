/**
 * Conditions that a work's rules ask of a live object. The well-known ones are built in; for CEL this klusterlet has
 * no evaluator, and says so in the condition instead of leaving it out. Pure.
 */
import { type ConditionRule, isObject, type KubeObject, manifestReason } from '@flotilla/api';
import type { Judgement } from './observation.js';

/** One condition by a rule. */
export type RuleCondition = Judgement & { readonly type: string };

/** In the order of the rules; a well-known rule for a kind without such knowledge gives none, as in OCM. */
export function evaluateRules(object: KubeObject, rules: readonly ConditionRule[]): RuleCondition[] {
  return rules.flatMap((rule): RuleCondition[] => {
    if (rule.type === 'CEL') return [unsupported(rule)];
    const found = wellKnown(object, rule.condition);
    if (found === undefined) return [];
    const message = rule.message !== undefined && rule.message !== '' ? rule.message : found.message;
    const status = found.holds ? 'True' : 'False';
    return [{ type: rule.condition, status, reason: manifestReason.ruleEvaluated, message }];
  });
}

function unsupported({ condition }: ConditionRule): RuleCondition {
  const message = 'CEL condition rules are not evaluated by this klusterlet';
  return { type: condition, status: 'Unknown', reason: manifestReason.ruleInvalid, message };
}

interface Finding {
  readonly holds: boolean;
  readonly message: string;
}

function wellKnown({ apiVersion, kind, status }: KubeObject, condition: string): Finding | undefined {
  if (condition !== 'Complete') return undefined;
  const state = isObject(status) ? status : {};
  if (apiVersion === 'batch/v1' && kind === 'Job') {
    const conditions = Array.isArray(state['conditions']) ? state['conditions'].filter(isObject) : [];
    const holds = conditions.some(
      (each) => each['status'] === 'True' && (each['type'] === 'Complete' || each['type'] === 'Failed'),
    );
    return { holds, message: holds ? 'Job is finished' : 'Job is not finished' };
  }
  if (apiVersion === 'v1' && kind === 'Pod') {
    const phase = typeof state['phase'] === 'string' ? state['phase'] : '';
    return { holds: phase === 'Succeeded' || phase === 'Failed', message: `Pod is in phase ${phase}` };
  }
  return undefined;
}
