/**
 * Conditions that a work's rules ask of a live object, with OCM's statuses, reasons and messages. The well-known ones
 * are built in, so that works without CEL never load its library. A rule that fails hides no other rule's condition,
 * unless it used up what the rules of one object may cost. Pure.
 */
import {
  type ConditionEvaluation,
  ConditionExpressionError,
  type ConditionRule,
  createConditionEvaluation,
  isObject,
  type KubeObject,
  manifestReason,
  ruleConditionProblem,
} from '@flotilla/api';
import { boundedMessage } from './messages.js';
import type { Judgement } from './observation.js';

/** One condition by a rule. */
export type RuleCondition = Judgement & { readonly type: string };

/** In the order of the rules; a well-known rule for a kind without such knowledge gives none, as in OCM. */
export function evaluateRules(object: KubeObject, rules: readonly ConditionRule[]): RuleCondition[] {
  const evaluation = createConditionEvaluation(object);
  return rules.flatMap((rule): RuleCondition[] => {
    // Its condition would cost the work its whole status, or fight with a built-in one; our hub refuses such rules.
    if (ruleConditionProblem(rule.condition) !== undefined) return [];
    const judgement = judge(rule, object, evaluation);
    if (judgement === undefined) return [];
    return [{ type: rule.condition, ...judgement, message: boundedMessage(judgement.message) }];
  });
}

function judge(
  rule: ConditionRule,
  object: KubeObject,
  evaluation: ConditionEvaluation,
): Judgement | undefined {
  try {
    const found = find(rule, object, evaluation);
    if (found === undefined) return undefined;
    const message = messageOf(rule, found, evaluation);
    return { status: found.holds ? 'True' : 'False', reason: manifestReason.ruleEvaluated, message };
  } catch (error) {
    return failureOf(error);
  }
}

function failureOf(error: unknown): Judgement {
  if (error instanceof InvalidRuleError) {
    return { status: 'Unknown', reason: manifestReason.ruleInvalid, message: error.message };
  }
  if (error instanceof ConditionExpressionError) {
    return { status: 'False', reason: manifestReason.ruleExpressionError, message: error.message };
  }
  return { status: 'Unknown', reason: manifestReason.ruleInternalError, message: String(error) };
}

/** A rule of a type that only a newer hub knows. */
class InvalidRuleError extends Error {
  override readonly name = 'InvalidRuleError';
}

interface Finding {
  readonly holds: boolean;
  /** The message where the rule has none. */
  readonly message: string;
}

function find(rule: ConditionRule, object: KubeObject, evaluation: ConditionEvaluation): Finding | undefined {
  const { type, condition } = rule;
  switch (type) {
    case 'CEL': {
      const holds = evaluation.holds(rule.celExpressions ?? []);
      return { holds, message: `Manifest is ${holds ? '' : 'not '}${condition}` };
    }
    case 'WellKnownConditions':
      return wellKnown(object, condition);
    default:
      throw new InvalidRuleError(`Unrecognized condition rule type ${String(type)}`);
  }
}

/** An expression that fails says so in the condition, whose status stands. */
function messageOf(
  rule: ConditionRule,
  { holds, message }: Finding,
  evaluation: ConditionEvaluation,
): string {
  const { messageExpression = '' } = rule;
  if (messageExpression !== '') {
    try {
      const text = evaluation.message(messageExpression, holds);
      if (text !== '') return text;
    } catch (error) {
      if (error instanceof ConditionExpressionError) return error.message;
      throw error;
    }
  }
  return rule.message !== undefined && rule.message !== '' ? rule.message : message;
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
    if (status === undefined) throw new ConditionExpressionError('no such key: status');
    const phase = state['phase'];
    if (typeof phase !== 'string') throw new ConditionExpressionError('no such key: phase');
    return { holds: phase === 'Succeeded' || phase === 'Failed', message: `Pod is in phase ${phase}` };
  }
  return undefined;
}
