/** How jq compares values and what it takes for true. Pure. */
import { equal, isObject } from '@flotilla/api';

/** Where a value is, as keys and indexes from the root. */
export type Place = readonly (string | number)[];

/** One result of a filter. A value that was computed, not found, has no place. */
export interface Found {
  readonly value: unknown;
  readonly place: Place | undefined;
}

/** Values of other kinds that a comparison could meet are ordered by kind, as in jq. */
const kinds = ['null', 'false', 'true', 'number', 'string', 'array', 'object'] as const;

export const isTruthy = (value: unknown): boolean => value !== undefined && value !== null && value !== false;

export function jqType(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

/** Negative, zero or positive. Of two lists or two objects it only tells whether they are the same. */
export function compareJq(a: unknown, b: unknown): number {
  const [rankA, rankB] = [rankOf(a), rankOf(b)];
  if (rankA !== rankB) return rankA - rankB;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  return equal(a ?? null, b ?? null) ? 0 : 1;
}

function rankOf(value: unknown): number {
  const type = typeof value === 'boolean' ? String(value) : jqType(value);
  return kinds.indexOf(type as (typeof kinds)[number]); // jqType gives no other
}

/** The children of a list or object; none of anything else. */
export function childrenOf({ value, place }: Found): Found[] {
  const child = (key: string | number, item: unknown): Found => ({
    value: item,
    place: place && [...place, key],
  });
  if (Array.isArray(value)) return value.map((item, index) => child(index, item));
  return isObject(value) ? Object.keys(value).map((key) => child(key, value[key])) : [];
}

/** What is under a key or index: null where nothing is, nothing where the value has another type. */
export function childOf({ value, place }: Found, key: unknown): Found[] {
  if (typeof key === 'string' && (isObject(value) || value === null || value === undefined)) {
    const item = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    return [{ value: item, place: place && [...place, key] }];
  }
  if (typeof key !== 'number' || !Number.isInteger(key)) return [];
  if (!Array.isArray(value)) return [];
  const index = key < 0 ? value.length + key : key;
  return index < 0 ? [] : [{ value: value[index], place: place && [...place, index] }];
}
