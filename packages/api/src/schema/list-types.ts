/**
 * x-kubernetes-list-type: duplicates in sets and in lists of maps, and finding the item of an old list that has the
 * same keys. Items count as equal by value; absent keys take the default of the schema. Called by the validator.
 */
import { equal, isObject, type JsonObject } from '../json.js';
import type { FieldError } from '../status.js';
import { type Correlated, uncorrelated } from './cel-rules.js';
import { nodeOf, type SchemaNode } from './compile.js';
import { duplicate, formatPath, type PathStack } from './field-errors.js';
import type { Schema } from './schema.js';

/** True when the list breaks its set or map type. */
export function hasDuplicates(list: readonly unknown[], schema: Schema): boolean {
  return duplicateIndexes(list, schema).length > 0;
}

/** One error for each item that repeats an earlier one. */
export function listTypeErrors(list: readonly unknown[], schema: Schema, path: PathStack): FieldError[] {
  const keys = mapKeys(schema);
  return duplicateIndexes(list, schema).map((i) => {
    const item = list[i];
    const shown = keys !== undefined && schema.items ? keyObject(item, nodeOf(schema.items), keys) : item;
    return duplicate(formatPath([...path, i]), shown);
  });
}

/** The item of the old list with the same keys as this item. */
export function findMapItem(
  oldList: readonly unknown[],
  item: unknown,
  { items, keys }: { readonly items: SchemaNode; readonly keys: readonly string[] },
): Correlated {
  if (!isObject(item)) return uncorrelated;
  for (const candidate of oldList) {
    if (!isObject(candidate)) continue;
    if (keys.every((key) => equal(keyValue(candidate, items, key), keyValue(item, items, key)))) {
      return { value: candidate };
    }
  }
  return uncorrelated;
}

function mapKeys(schema: Schema): readonly string[] | undefined {
  return schema['x-kubernetes-list-type'] === 'map'
    ? (schema['x-kubernetes-list-map-keys'] ?? [])
    : undefined;
}

function duplicateIndexes(list: readonly unknown[], schema: Schema): number[] {
  const type = schema['x-kubernetes-list-type'];
  if ((type !== 'set' && type !== 'map') || list.length < 2) return [];
  const keys = mapKeys(schema);
  const items = schema.items === undefined ? undefined : nodeOf(schema.items);
  const seen = new Set<string>();
  const found: number[] = [];
  list.forEach((item, i) => {
    const identity =
      keys === undefined || items === undefined ? canonical(item) : canonical(keyValues(item, items, keys));
    if (seen.has(identity)) found.push(i);
    seen.add(identity);
  });
  return found;
}

function keyValues(item: unknown, items: SchemaNode, keys: readonly string[]): unknown[] {
  return keys.map((key) => (isObject(item) ? (keyValue(item, items, key) ?? null) : null));
}

function keyValue(item: JsonObject, items: SchemaNode, key: string): unknown {
  return Object.hasOwn(item, key) ? item[key] : items.schema.properties?.[key]?.default;
}

function keyObject(item: unknown, items: SchemaNode, keys: readonly string[]): JsonObject {
  const out: JsonObject = {};
  if (!isObject(item)) return out;
  for (const key of [...keys].sort()) {
    const value = keyValue(item, items, key);
    if (value !== undefined) out[key] = value;
  }
  return out;
}

/** Equal values give equal texts, whatever the order of their keys. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const map = value as JsonObject; // JSON: neither null nor array
  const entries = Object.keys(map)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(map[key])}`);
  return `{${entries.join(',')}}`;
}
