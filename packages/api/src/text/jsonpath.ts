/**
 * JSONPath in kubectl's dialect: `.spec.a`, `['a']`, `[0]`, `[-1]`, `[1:3]`, `[*]`, `..`, unions, filters
 * `[?(@.type=="Ready")].status`, keys with escaped dots; braces and a leading `$` are optional. What is missing gives
 * no result, never an error. Compile once where a path runs often: printer columns, status feedback, field selectors.
 */
import { isObject } from '../json.js';
import { type FilterOperand, type JsonPathStep, parseJsonPath } from './jsonpath-parser.js';

export { JsonPathError } from './jsonpath-parser.js';

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

/** All values the path finds in the object, in document order. @throws JsonPathError for a text that is no path. */
export function evaluateJsonPath(path: string | CompiledJsonPath, object: unknown): unknown[] {
  const { steps } = typeof path === 'string' ? compileJsonPath(path) : path;
  return run(steps, object, object);
}

function run(steps: readonly JsonPathStep[], start: unknown, root: unknown): unknown[] {
  let current: unknown[] = [start];
  for (const step of steps) {
    const next: unknown[] = [];
    for (const value of current) apply(step, { value, root, out: next });
    if (next.length === 0) return next;
    current = next;
  }
  return current;
}

interface Application {
  readonly value: unknown;
  readonly root: unknown;
  readonly out: unknown[];
}

function apply(step: JsonPathStep, { value, root, out }: Application): void {
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
        for (let i = bound(step.start ?? 0); i < end; i += step.step) out.push(value[i]);
      }
      return;
    case 'wildcard':
      pushChildren(value, out);
      return;
    case 'descend':
      pushDescendants(value, out);
      return;
    case 'union':
      for (const each of step.steps) apply(each, { value, root, out });
      return;
    case 'filter': {
      const items: unknown[] = [];
      pushChildren(value, items);
      for (const item of items) if (holds(step, item, root)) out.push(item);
    }
  }
}

function pushChildren(value: unknown, out: unknown[]): void {
  if (Array.isArray(value)) {
    for (const item of value) out.push(item);
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) out.push(value[key]);
  }
}

function pushDescendants(value: unknown, out: unknown[]): void {
  out.push(value);
  if (typeof value !== 'object' || value === null) return;
  const children: unknown[] = [];
  pushChildren(value, children);
  for (const child of children) pushDescendants(child, out);
}

function holds(filter: JsonPathStep & { kind: 'filter' }, item: unknown, root: unknown): boolean {
  const left = operand(filter.left, item, root);
  if (filter.operator === undefined) return left.length > 0;
  const right = operand(filter.right, item, root);
  if (left.length !== 1 || right.length !== 1) return false;
  return compare(left[0], filter.operator, right[0]);
}

function operand(of: FilterOperand, item: unknown, root: unknown): readonly unknown[] {
  if (of.kind === 'literal') return [of.value];
  return run(of.steps, of.from === 'item' ? item : root, root);
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
