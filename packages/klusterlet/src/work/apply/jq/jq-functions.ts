/** The functions of jq that paths are made with, those that look at values included. Called by the parser. Pure. */
import { compilePattern, isObject } from '@flotilla/api';
import { JqPathError } from './jq-tokens.js';
import { childOf, childrenOf, compareJq, type Found, isTruthy, jqType } from './jq-values.js';

/** From one value to any number of results. Each value that is looked at is counted by `spend`. */
export type Filter = (input: Found, spend: () => void) => Iterable<Found>;

/** Made of its arguments; the parser checks their number. */
export type JqFunction = (...args: Filter[]) => Filter;

const computed = (value: unknown): Found => ({ value, place: undefined });

/** A function of the input and the values of its one argument; an input of the wrong type gives nothing. */
const ofValue =
  (compute: (input: unknown, argument: unknown) => unknown): JqFunction =>
  (argument) =>
    function* (input, spend) {
      for (const { value } of argument?.(input, spend) ?? [computed(undefined)]) {
        const result = compute(input.value, value);
        if (result !== undefined) yield computed(result);
      }
    };

const ofStrings = (compute: (input: string, argument: string) => boolean): JqFunction =>
  ofValue((input, argument) =>
    typeof input === 'string' && typeof argument === 'string' ? compute(input, argument) : undefined,
  );

/** Deeper than any object that a server takes. */
const maxDepth = 500;

function* recurse(input: Found, { spend, next, depth = 0 }: Recursion): Generator<Found> {
  spend();
  if (depth > maxDepth) throw new JqPathError('it recurses too deeply');
  yield input;
  for (const child of next(input, spend)) yield* recurse(child, { spend, next, depth: depth + 1 });
}

interface Recursion {
  readonly spend: () => void;
  readonly next: Filter;
  readonly depth?: number;
}

const children: Filter = (input) => childrenOf(input);

const quantified =
  (decides: boolean): JqFunction =>
  (...args) =>
    function* (input, spend) {
      const [first, second] = args;
      const items = second === undefined ? children : (first ?? children);
      const condition = second ?? first;
      for (const item of items(input, spend)) {
        spend();
        for (const { value } of condition?.(item, spend) ?? [item]) {
          if (isTruthy(value) === decides) return yield computed(decides);
        }
      }
      yield computed(!decides);
    };

/** Patterns are of the hub's users: they run in linear time. */
function testPattern(text: string, pattern: string): boolean {
  return compilePattern(pattern).test(text);
}

function contains(whole: unknown, part: unknown): boolean {
  if (typeof whole === 'string' && typeof part === 'string') return whole.includes(part);
  if (Array.isArray(whole) && Array.isArray(part)) {
    return part.every((item) => whole.some((each) => contains(each, item)));
  }
  if (isObject(whole) && isObject(part)) {
    return Object.keys(part).every((key) => Object.hasOwn(whole, key) && contains(whole[key], part[key]));
  }
  return compareJq(whole, part) === 0;
}

function lengthOf(value: unknown): number | undefined {
  if (value === null || value === undefined) return 0;
  if (typeof value === 'string') return [...value].length;
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'number') return Math.abs(value);
  return isObject(value) ? Object.keys(value).length : undefined;
}

/** By name and number of arguments. */
export const jqFunctions: ReadonlyMap<string, JqFunction> = new Map<string, JqFunction>([
  [
    'select/1',
    (condition) =>
      function* (input, spend) {
        for (const { value } of condition?.(input, spend) ?? []) if (isTruthy(value)) yield input;
      },
  ],
  ['recurse/0', () => (input, spend) => recurse(input, { spend, next: children })],
  [
    'recurse/1',
    (next = children) =>
      (input, spend) =>
        recurse(input, { spend, next }),
  ],
  [
    'first/1',
    (from) =>
      function* (input, spend) {
        for (const found of from?.(input, spend) ?? []) return yield found;
      },
  ],
  [
    'last/1',
    (from) =>
      function* (input, spend) {
        const found = [...(from?.(input, spend) ?? [])].at(-1);
        if (found !== undefined) yield found;
      },
  ],
  ['first/0', () => (input) => childOf(input, 0)],
  ['last/0', () => (input) => childOf(input, -1)],
  ['empty/0', () => () => []],
  ['not/0', ofValue((input) => !isTruthy(input))],
  ['true/0', ofValue(() => true)],
  ['false/0', ofValue(() => false)],
  ['null/0', ofValue(() => null)],
  ['type/0', ofValue((input) => jqType(input))],
  ['length/0', ofValue((input) => lengthOf(input))],
  ['keys/0', ofValue((input) => (isObject(input) ? Object.keys(input).sort() : undefined))],
  ['ascii_downcase/0', ofValue((input) => (typeof input === 'string' ? input.toLowerCase() : undefined))],
  ['ascii_upcase/0', ofValue((input) => (typeof input === 'string' ? input.toUpperCase() : undefined))],
  ['tostring/0', ofValue((input) => (typeof input === 'string' ? input : JSON.stringify(input ?? null)))],
  [
    'has/1',
    ofValue((input, key) => {
      if (isObject(input) && typeof key === 'string') return Object.hasOwn(input, key);
      return Array.isArray(input) && typeof key === 'number' ? key >= 0 && key < input.length : undefined;
    }),
  ],
  ['contains/1', ofValue((input, part) => contains(input, part))],
  ['inside/1', ofValue((input, whole) => contains(whole, input))],
  ['startswith/1', ofStrings((text, start) => text.startsWith(start))],
  ['endswith/1', ofStrings((text, end) => text.endsWith(end))],
  ['test/1', ofStrings(testPattern)],
  ['any/0', quantified(true)],
  ['any/1', quantified(true)],
  ['any/2', quantified(true)],
  ['all/0', quantified(false)],
  ['all/1', quantified(false)],
  ['all/2', quantified(false)],
]);
