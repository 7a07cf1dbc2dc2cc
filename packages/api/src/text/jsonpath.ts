/**
 * JSONPath in kubectl's dialect: `.spec.a`, `['a']`, `[0]`, `[-1]`, `[1:3]`, `[*]`, `..`, unions, filters
 * `[?(@.type=="Ready")].status`, keys with escaped dots; braces and a leading `$` are optional. What is missing gives
 * no result, never an error. Compile once where a path runs often: printer columns, status feedback, field selectors.
 */
import { isObject } from '../json.js';
import { type FilterOperand, JsonPathError, type JsonPathStep, parseJsonPath } from './jsonpath-parser.js';

export { JsonPathError } from './jsonpath-parser.js';

/**
 * Values that one path may look at: all of the largest object that a server stores, some times over. Paths are of
 * users, and a few `..*` in a row lead to more places than there is time for.
 */
const maxSteps = 1_000_000;

/** A path that is ready to run. */
export interface CompiledJsonPath {
  /** The text it was compiled from. */
  readonly text: string;
  readonly steps: readonly JsonPathStep[];
}

/** Compiles a path. @throws JsonPathError with the position of the mistake. */
export function compileJsonPath(path: string): CompiledJsonPath {
  return { text: path, steps: parseJsonPath(path) };
}

/**
 * All values the path finds in the object, in document order.
 * @throws JsonPathError for a text that is no path, and for a path that looks at too many values
 */
export function evaluateJsonPath(path: string | CompiledJsonPath, object: unknown): unknown[] {
  const { steps, text } = typeof path === 'string' ? compileJsonPath(path) : path;
  return run(steps, object, { root: object, budget: { text, left: maxSteps } });
}

interface Budget {
  readonly text: string;
  left: number;
}

interface Scope {
  readonly root: unknown;
  readonly budget: Budget;
}

function run(steps: readonly JsonPathStep[], start: unknown, scope: Scope): unknown[] {
  let current: unknown[] = [start];
  for (const step of steps) {
    const next: unknown[] = [];
    for (const value of current) apply(step, { ...scope, value, out: next });
    if (next.length === 0) return next;
    current = next;
  }
  return current;
}

function spend(budget: Budget, steps: number): void {
  budget.left -= steps;
  if (budget.left >= 0) return;
  const { text } = budget;
  throw new JsonPathError('it looks at too many values', { path: text, position: text.length });
}

interface Application extends Scope {
  readonly value: unknown;
  readonly out: unknown[];
}

function apply(step: JsonPathStep, application: Application): void {
  const { value, budget, out } = application;
  spend(budget, 1);
  switch (step.kind) {
    case 'field':
      if (isObject(value)) {
        if (Object.hasOwn(value, step.name)) out.push(value[step.name]);
      }
      return;
    case 'index':
      if (Array.isArray(value)) {
        const at = step.index < 0 ? value.length + step.index : step.index;
        if (at >= 0 && at < value.length) out.push(value[at]);
      }
      return;
    case 'slice':
      if (Array.isArray(value)) {
        const bound = (at: number): number =>
          Math.min(Math.max(at < 0 ? value.length + at : at, 0), value.length);
        const end = bound(step.end ?? value.length);
        spend(budget, value.length);
        for (let i = bound(step.start ?? 0); i < end; i += step.step) out.push(value[i]);
      }
      return;
    case 'wildcard':
      spend(budget, pushChildren(value, out));
      return;
    case 'descend':
      pushDescendants(value, out, budget);
      return;
    case 'union':
      for (const each of step.steps) apply(each, application);
      return;
    case 'filter': {
      const items: unknown[] = [];
      spend(budget, pushChildren(value, items));
      for (const item of items) if (holds(step, item, application)) out.push(item);
    }
  }
}

/** Answers how many they are. */
function pushChildren(value: unknown, out: unknown[]): number {
  const before = out.length;
  if (Array.isArray(value)) {
    for (const item of value) out.push(item);
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) out.push(value[key]);
  }
  return out.length - before;
}

function pushDescendants(value: unknown, out: unknown[], budget: Budget): void {
  spend(budget, 1);
  out.push(value);
  if (typeof value !== 'object' || value === null) return;
  const children: unknown[] = [];
  pushChildren(value, children);
  for (const child of children) pushDescendants(child, out, budget);
}

function holds(filter: JsonPathStep & { kind: 'filter' }, item: unknown, scope: Scope): boolean {
  const left = operand(filter.left, item, scope);
  if (filter.operator === undefined) return left.length > 0;
  const right = operand(filter.right, item, scope);
  if (left.length !== 1 || right.length !== 1) return false;
  return compare(left[0], filter.operator, right[0]);
}

function operand(of: FilterOperand, item: unknown, scope: Scope): readonly unknown[] {
  if (of.kind === 'literal') return [of.value];
  return run(of.steps, of.from === 'item' ? item : scope.root, scope);
}

function compare(a: unknown, operator: string, b: unknown): boolean {
  if (operator === '==') return a === b;
  if (operator === '!=') return a !== b;
  if (typeof a === 'number' && typeof b === 'number') return ordered(a, operator, b);
  return typeof a === 'string' && typeof b === 'string' && ordered(a, operator, b);
}

function ordered<T extends number | string>(a: T, operator: string, b: T): boolean {
  switch (operator) {
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    default:
      return a >= b;
  }
}
