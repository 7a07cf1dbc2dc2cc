/**
 * Runs the `x-kubernetes-validations` of one schema node against a value and its old value, with the messages of
 * kube-apiserver. Compiled rules are cached with the schema node. Called by the validator (run) and by CRD admission
 * (compile).
 */
import type { FieldError } from '../status.js';
import {
  type CelBudget,
  CelBudgetError,
  CelCompileError,
  type CelProgram,
  compileCel,
  defaultBudgetOptions,
  summaryOf,
} from './cel-environment.js';
import { celLibrary } from './cel-runtime.js';
import { toCelValue } from './cel-values.js';
import { isTransitionRule, type SchemaNode } from './compile.js';
import { duplicate, forbidden, formatPath, invalid, type PathStack, required } from './field-errors.js';
import { parseFieldPath } from './rule-field-path.js';
import type { ValidationRule } from './schema.js';

/** The old counterpart of a value, or `uncorrelated` when there is none. */
export type Correlated = { readonly value: unknown };

/** No old value: a create, or an item that cannot be matched with an old one. */
export const uncorrelated: Correlated = { value: undefined };

export type RuleBudget = CelBudget;

export function createRuleBudget(): RuleBudget {
  return { steps: defaultBudgetOptions.stepsPerObject };
}

export interface RuleScope {
  readonly node: SchemaNode;
  readonly old: Correlated;
  readonly resource: boolean;
  /** The value did not change: only rules that compare with the old value run. */
  readonly transitionsOnly: boolean;
  readonly path: PathStack;
  readonly budget: RuleBudget;
}

interface CompiledRule {
  readonly rule: ValidationRule;
  readonly transition: boolean;
  /** Undefined when it does not compile: admission refuses such a CRD, but a stored one must not open a hole. */
  readonly program: CelProgram | undefined;
  readonly problem: string;
  readonly message: CelProgram | undefined;
}

const compiled = new WeakMap<readonly ValidationRule[], readonly CompiledRule[]>();

/** The errors of the node's rules for the value. */
export function checkRules(value: unknown, scope: RuleScope): FieldError[] {
  const rules = scope.node.schema['x-kubernetes-validations'] ?? [];
  let programs = compiled.get(rules);
  if (programs === undefined) {
    programs = rules.map(compileRule);
    compiled.set(rules, programs);
  }
  const errors: FieldError[] = [];
  let self: unknown;
  let oldSelf: unknown;
  let converted = false;
  for (const each of programs) {
    if (scope.transitionsOnly && !each.transition) continue;
    if (each.transition && scope.old === uncorrelated && each.rule.optionalOldSelf !== true) continue;
    if (!converted) {
      self = toCelValue(value, scope.node, scope.resource);
      oldSelf =
        scope.old === uncorrelated ? undefined : toCelValue(scope.old.value, scope.node, scope.resource);
      converted = true;
    }
    const old = each.rule.optionalOldSelf === true ? optionalOf(oldSelf) : oldSelf;
    const variables = old === undefined ? { self } : { self, oldSelf: old };
    const error = evaluateRule(each, { value, variables, scope });
    if (error !== undefined) errors.push(error);
    if (scope.budget.steps < 0) break;
  }
  return errors;
}

function optionalOf(value: unknown): unknown {
  const { Optional } = celLibrary();
  return value === undefined ? Optional.none() : Optional.of(value);
}

/** Why the rule cannot be used, as [field of the rule, problem] pairs; none when it compiles. */
export function ruleProblems(rule: ValidationRule): (readonly ['rule' | 'messageExpression', string])[] {
  const problems: (readonly ['rule' | 'messageExpression', string])[] = [];
  const each = compileRule(rule);
  if (each.program === undefined) problems.push(['rule', each.problem]);
  if (rule.messageExpression !== undefined) {
    const message = tryCompile(rule.messageExpression, 'string', rule.optionalOldSelf);
    if (typeof message === 'string') problems.push(['messageExpression', message]);
  }
  return problems;
}

function compileRule(rule: ValidationRule): CompiledRule {
  const program = tryCompile(rule.rule, 'bool', rule.optionalOldSelf);
  const message =
    rule.messageExpression === undefined
      ? undefined
      : tryCompile(rule.messageExpression, 'string', rule.optionalOldSelf);
  return {
    rule,
    transition: isTransitionRule(rule.rule) || rule.optionalOldSelf === true,
    program: typeof program === 'string' ? undefined : program,
    problem: typeof program === 'string' ? program : '',
    message: typeof message === 'string' ? undefined : message,
  };
}

function tryCompile(
  expression: string,
  type: 'bool' | 'string',
  optionalOldSelf: boolean | undefined,
): CelProgram | string {
  try {
    return compileCel(expression, { type, scope: optionalOldSelf === true ? 'ruleWithOptionalOld' : 'rule' });
  } catch (error) {
    if (error instanceof CelCompileError) return error.message;
    throw error;
  }
}

interface Evaluation {
  readonly value: unknown;
  readonly variables: { readonly self: unknown; readonly oldSelf?: unknown };
  readonly scope: RuleScope;
}

function evaluateRule(each: CompiledRule, { value, variables, scope }: Evaluation): FieldError | undefined {
  const { rule } = each;
  const shown = schemaType(scope.node, value);
  const here = formatPath(scope.path);
  if (each.program === undefined) return invalid(here, shown, `rule compile error: ${each.problem}`);
  try {
    if (each.program.evaluate(variables, scope.budget) === true) return undefined;
  } catch (error) {
    if (error instanceof CelBudgetError) return invalid(here, shown, error.message);
    const text = summaryOf(error);
    const name = rule.message ?? `rule: ${rule.rule.trim()}`;
    return invalid(here, shown, `${lowerFirst(text)} evaluating ${name}`);
  }
  const field =
    rule.fieldPath === undefined ? here : formatPath([...scope.path, ...parseFieldPath(rule.fieldPath)]);
  const detail = messageOf(each, variables, scope);
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbidden(field, detail);
    case 'FieldValueRequired':
      return required(field, detail);
    case 'FieldValueDuplicate':
      return duplicate(field, shown);
    default:
      return invalid(field, shown, detail);
  }
}

function messageOf(each: CompiledRule, variables: Evaluation['variables'], scope: RuleScope): string {
  if (each.message !== undefined) {
    const text = evaluateMessage(each.message, variables, scope);
    if (text !== undefined) return text;
  }
  const message = each.rule.message?.trim();
  return message !== undefined && message !== '' ? message : `failed rule: ${each.rule.rule.trim()}`;
}

/** The message of the expression, or undefined where it fails or gives no single line: the fixed one serves then. */
function evaluateMessage(
  program: CelProgram,
  variables: Evaluation['variables'],
  scope: RuleScope,
): string | undefined {
  let text: unknown;
  try {
    text = program.evaluate(variables, scope.budget);
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
  if (typeof text !== 'string' || text.includes('\n')) return undefined;
  const trimmed = text.trim();
  return trimmed === '' || trimmed.length > 5120 ? undefined : trimmed;
}

/** Errors of rules print the type of the value, not the value. */
function schemaType(node: SchemaNode, value: unknown): string {
  if (node.schema.type !== undefined) return node.schema.type;
  return typeof value;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
