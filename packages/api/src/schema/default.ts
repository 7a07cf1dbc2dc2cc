/**
 * Fills in the defaults of a schema and settles explicit nulls, by the rules of CustomResourceDefinitions: a default
 * applies where the key is absent, or null on a field that is not nullable; a null without default on such a field is
 * removed; parents are never created unless they have a default themselves. apiVersion, kind and metadata of
 * resources are left alone. Idempotent. Called on requests, on reads from storage, and after conversion.
 */
import { clone, isObject, type JsonObject, setKey } from '../json.js';
import { hasDefault, maxDepth, nodeOf, type SchemaNode } from './compile.js';
import type { Schema } from './schema.js';

/** Applies the defaults to the object in place. */
export function applyDefaults(object: JsonObject, schema: Schema): void {
  defaultMap(object, { node: nodeOf(schema), resource: true, depth: 0 });
}

/** Applies defaults inside a value that is not a whole resource, such as another default. */
export function applyDefaultsToValue(value: unknown, schema: Schema): void {
  defaultValue(value, nodeOf(schema), 0);
}

interface Place {
  readonly node: SchemaNode;
  readonly resource: boolean;
  readonly depth: number;
}

function defaultValue(value: unknown, node: SchemaNode, depth: number): void {
  if (typeof value !== 'object' || value === null || depth > maxDepth) return;
  if (Array.isArray(value)) defaultList(value, node, depth);
  else if (isObject(value)) defaultMap(value, { node, resource: node.embedded, depth });
}

function defaultMap(map: JsonObject, { node, resource, depth }: Place): void {
  for (const [key, property] of node.defaulted) {
    if (resource && isTypeOrObjectMeta(key)) continue;
    if (!Object.hasOwn(map, key) || (map[key] === null && !property.nullable)) {
      setKey(map, key, clone(property.schema.default));
    }
  }
  for (const key of Object.keys(map)) {
    if (resource && isTypeOrObjectMeta(key)) continue;
    const property = node.properties.get(key) ?? node.additional;
    if (property === undefined) continue;
    const value = map[key];
    if (value !== null) {
      if (typeof value === 'object') defaultValue(value, property, depth + 1);
    } else if (!property.nullable) {
      if (hasDefault(property.schema)) {
        const filled = clone(property.schema.default);
        setKey(map, key, filled);
        defaultValue(filled, property, depth + 1);
      } else {
        delete map[key];
      }
    }
  }
}

function defaultList(list: unknown[], node: SchemaNode, depth: number): void {
  const items = node.items;
  if (items === undefined) return;
  for (let i = 0; i < list.length; i++) {
    if (list[i] === null && !items.nullable && hasDefault(items.schema))
      list[i] = clone(items.schema.default);
    defaultValue(list[i], items, depth + 1);
  }
}

function isTypeOrObjectMeta(key: string): boolean {
  return key === 'apiVersion' || key === 'kind' || key === 'metadata';
}
