/**
 * Checks the `x-kubernetes-validations` of a schema node when a CustomResourceDefinition is written: rules and
 * message expressions compile and read only fields that exist, field paths resolve, `oldSelf` stands only where old
 * values can be found. Called by structural.ts.
 */
import type { FieldError } from '../status.js';
import { undefinedField } from './cel-fields.js';
import { ruleProblems } from './cel-rules.js';
import { isTransitionRule, nodeOf, type SchemaNode } from './compile.js';
import { duplicate, invalid, notSupported, required } from './field-errors.js';
import { parseFieldPath } from './rule-field-path.js';
import type { Schema, ValidationRule } from './schema.js';

const reasons = ['FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired', 'FieldValueDuplicate'];

export interface RuleSite {
  readonly path: string;
  readonly errors: FieldError[];
  /** The node is the root of a resource. */
  readonly resource: boolean;
  readonly correlatable: boolean;
}

/** Appends what is wrong with the rules of the node. */
export function checkRuleDefinitions(
  schema: Schema,
  { path, errors, resource, correlatable }: RuleSite,
): void {
  const rules = schema['x-kubernetes-validations'] ?? [];
  const node = nodeOf(schema);
  rules.forEach((rule, i) => {
    const at = `${path}.x-kubernetes-validations[${i}]`;
    if (rules.findIndex((other) => other.rule === rule.rule) < i)
      errors.push(duplicate(`${at}.rule`, rule.rule));
    checkTexts(rule, { path: at, errors });
    if (isBlank(rule.rule)) return;
    checkPrograms(rule, { path: at, errors, node, resource });
    if (isTransitionRule(rule.rule) && !correlatable) {
      const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${path}`;
      errors.push(invalid(`${at}.rule`, rule.rule, detail));
    }
    if (rule.optionalOldSelf === true && !isTransitionRule(rule.rule)) {
      errors.push(invalid(`${at}.optionalOldSelf`, true, 'may not be set if oldSelf is not used in rule'));
    }
    if (rule.fieldPath !== undefined) checkFieldPath(rule.fieldPath, { path: at, errors, node });
  });
}

interface Sink {
  readonly path: string;
  readonly errors: FieldError[];
}

/** A rule that is missing altogether reads as undefined here. */
function isBlank(rule: string | undefined): boolean {
  return rule === undefined || rule.trim() === '';
}

function checkTexts(rule: ValidationRule, { path, errors }: Sink): void {
  if (isBlank(rule.rule)) {
    errors.push(required(`${path}.rule`, 'rule is not specified'));
    return;
  }
  if (rule.message !== undefined) {
    if (rule.message.trim() === '') {
      errors.push(invalid(`${path}.message`, rule.message, 'message must be non-empty if specified'));
    } else if (rule.message.includes('\n')) {
      errors.push(invalid(`${path}.message`, rule.message, 'message must not contain line breaks'));
    }
  } else if (rule.rule.trim().includes('\n') && rule.messageExpression === undefined) {
    errors.push(required(`${path}.message`, 'message must be specified if rule contains line breaks'));
  }
  if (rule.messageExpression?.trim() === '') {
    errors.push(required(`${path}.messageExpression`, 'messageExpression must be non-empty if specified'));
  }
  if (rule.reason !== undefined && !reasons.includes(rule.reason)) {
    errors.push(notSupported(`${path}.reason`, rule.reason, reasons));
  }
}

function checkPrograms(
  rule: ValidationRule,
  { path, errors, node, resource }: Sink & { readonly node: SchemaNode; readonly resource: boolean },
): void {
  const problems = ruleProblems(rule);
  for (const [field, problem] of problems) {
    const verb = field === 'rule' ? 'compilation failed' : 'messageExpression compilation failed';
    errors.push(invalid(`${path}.${field}`, rule[field], `${verb}: ${problem}`));
  }
  if (problems.length > 0) return;
  for (const field of ['rule', 'messageExpression'] as const) {
    const expression = rule[field];
    if (expression === undefined || expression.trim() === '') continue;
    const missing = undefinedField(expression, { node, resource });
    if (missing === undefined) continue;
    errors.push(invalid(`${path}.${field}`, expression, `compilation failed: undefined field '${missing}'`));
  }
}

function checkFieldPath(
  fieldPath: string,
  { path, errors, node }: Sink & { readonly node: SchemaNode },
): void {
  const fail = (detail: string): void => {
    errors.push(invalid(`${path}.fieldPath`, fieldPath, `fieldPath must be a valid path: ${detail}`));
  };
  let keys: string[];
  try {
    keys = parseFieldPath(fieldPath);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    fail(error.message);
    return;
  }
  let at: SchemaNode | undefined = node;
  for (const key of keys) {
    at = at.properties.get(key) ?? at.additional;
    if (at === undefined) {
      fail(`does not refer to a valid field: ${key}`);
      return;
    }
  }
}
