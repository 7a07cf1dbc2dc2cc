/**
 * Label selectors as data: matching, printing, and reading them from objects (metav1.LabelSelector). The text
 * form is read by `parseLabelSelector`. Behaviour and error texts are those of k8s.io/apimachinery/pkg/labels,
 * since clients show them to people. Pure.
 */
import { formatValue, invalid, notSupported } from './schema/field-errors.js';
import { type FieldError, newBadRequest } from './status.js';
import { labelValueFaults, qualifiedNameFaults } from './validation/names.js';

export interface LabelSelectorRequirement {
  key: string;
  /** In, NotIn, Exists or DoesNotExist; anything else is refused when the selector is used. */
  operator: string;
  values?: string[];
}

/** metav1.LabelSelector, as it stands in objects. */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: LabelSelectorRequirement[];
}

export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

/** A checked selector: all requirements must hold. No requirements: everything matches. */
export interface ParsedLabelSelector {
  readonly requirements: readonly LabelRequirement[];
  /** Nothing matches, whatever the requirements say. */
  readonly matchesNothing: boolean;
}

/** Matches every object. */
export const everythingSelector: ParsedLabelSelector = { requirements: [], matchesNothing: false };
/** Matches no object. */
export const nothingSelector: ParsedLabelSelector = { requirements: [], matchesNothing: true };

const operators = ['in', 'notin', '=', '==', '!=', 'gt', 'lt', 'exists', '!'] as const;
const int64Text = /^[+-]?[0-9]+$/;

/** True when an object with these labels is selected. */
export function matchesLabels(
  selector: ParsedLabelSelector,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  if (selector.matchesNothing) return false;
  return selector.requirements.every((requirement) => holds(requirement, labels ?? {}));
}

function holds(
  { key, operator, values }: LabelRequirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'in':
    case '=':
    case '==':
      return value !== undefined && values.includes(value);
    case 'notin':
    case '!=':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    default: {
      const actual = value === undefined ? undefined : parseInt64(value);
      const bound = parseInt64(values[0] ?? '');
      if (actual === undefined || bound === undefined) return false;
      return operator === 'gt' ? actual > bound : actual < bound;
    }
  }
}

/**
 * A metav1.LabelSelector, ready to match. Absent: nothing matches; empty: everything does. Throws a StatusError
 * (400) when it is not well-formed.
 */
export function labelSelectorFromObject(selector: LabelSelector | null | undefined): ParsedLabelSelector {
  if (selector === undefined || selector === null) return nothingSelector;
  const requirements: LabelRequirement[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    requirements.push(checkedRequirement({ key, operator: '=', values: [value] }));
  }
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const known = expressionOperators.get(operator);
    if (known === undefined) {
      throw newBadRequest(`${JSON.stringify(operator)} is not a valid label selector operator`);
    }
    requirements.push(checkedRequirement({ key, operator: known, values }));
  }
  return requirements.length === 0 ? everythingSelector : selectorOf(requirements);
}

const expressionOperators: ReadonlyMap<string, LabelOperator> = new Map([
  ['In', 'in'],
  ['NotIn', 'notin'],
  ['Exists', 'exists'],
  ['DoesNotExist', '!'],
]);

/** The text form, which `parseLabelSelector` reads back. A selector that matches nothing has none and throws. */
export function formatLabelSelector(selector: ParsedLabelSelector): string {
  if (selector.matchesNothing) throw new Error('a label selector that matches nothing has no text form');
  return selector.requirements.map(formatRequirement).join(',');
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  const list = [...values].sort().join(',');
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${list})`;
    case 'gt':
      return `${key}>${list}`;
    case 'lt':
      return `${key}<${list}`;
    default:
      return `${key}${operator}${list}`;
  }
}

/** Requirements as a selector, sorted by key so that equal selectors print alike. */
export function selectorOf(requirements: readonly LabelRequirement[]): ParsedLabelSelector {
  const sorted = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return { requirements: sorted, matchesNothing: false };
}

/** The requirement itself; throws a StatusError (400) that names everything wrong with it. */
export function checkedRequirement(requirement: LabelRequirement): LabelRequirement {
  const errors = requirementErrors(requirement);
  if (errors.length === 0) return requirement;
  throw newBadRequest(aggregate(errors));
}

/** Several errors as one text, the way Kubernetes joins them. */
function aggregate(errors: readonly FieldError[]): string {
  const texts = [...new Set(errors.map(({ field, message }) => `${field}: ${message}`))];
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

function requirementErrors({ key, operator, values }: LabelRequirement): FieldError[] {
  const errors: FieldError[] = [];
  const keyError = labelKeyError(key, 'key');
  if (keyError) errors.push(keyError);
  const complaint = valuesComplaint(operator, values);
  if (complaint !== undefined) {
    errors.push({
      field: 'values',
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${formatValue(values)}: ${complaint}`,
    });
  }
  if (!operators.includes(operator)) errors.push(notSupported('operator', operator, operators));
  for (const [index, value] of values.entries()) {
    if ((operator === 'gt' || operator === 'lt') && parseInt64(value) === undefined) {
      errors.push(
        invalid(`values[${index}]`, value, "for 'Gt', 'Lt' operators, the value must be an integer"),
      );
    }
    const faults = labelValueFaults(value);
    if (faults.length > 0) errors.push(invalid(`values[${index}][${key}]`, value, faults.join('; ')));
  }
  return errors;
}

function valuesComplaint(operator: LabelOperator, values: readonly string[]): string | undefined {
  switch (operator) {
    case 'in':
    case 'notin':
      return values.length === 0 ? "for 'in', 'notin' operators, values set can't be empty" : undefined;
    case '=':
    case '==':
    case '!=':
      return values.length !== 1 ? 'exact-match compatibility requires one single value' : undefined;
    case 'exists':
    case '!':
      return values.length !== 0 ? 'values set must be empty for exists and does not exist' : undefined;
    default:
      return values.length !== 1 ? "for 'Gt', 'Lt' operators, exactly one value is required" : undefined;
  }
}

/** What is wrong with a label key, if anything. */
export function labelKeyError(key: string, field: string): FieldError | undefined {
  const faults = qualifiedNameFaults(key);
  return faults.length > 0 ? invalid(field, key, faults.join('; ')) : undefined;
}

function parseInt64(text: string): bigint | undefined {
  if (!int64Text.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}
