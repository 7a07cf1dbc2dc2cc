/**
 * Removes what a schema does not know, as the API server does before it stores or validates an object. The removed
 * paths are returned, so that `fieldValidation=Strict` can refuse and `Warn` can warn. Values of a wrong type are left
 * for the validator. Called by the API server's write path and by CRD admission (defaults must survive pruning).
 */
import { isObject, type JsonObject } from '../json.js';
import { maxDepth, nodeOf, type SchemaNode } from './compile.js';
import { pruneObjectMeta } from './object-meta.js';
import type { Schema } from './schema.js';

/**
 * Prunes the object in place against the schema of its kind, and returns the sorted paths of the dropped fields
 * (`spec.foo`, `spec.list[0].bar`). apiVersion, kind and metadata stay at the root and at embedded resources; fields
 * that ObjectMeta does not have are dropped and reported too.
 */
export function pruneUnknown(object: JsonObject, schema: Schema): string[] {
  const walk = new Pruner();
  walk.prune(object, { node: nodeOf(schema), path: '', resource: true, depth: 0 });
  return walk.dropped.sort();
}

/** Prunes a value that is not a whole resource, such as a default. Returns the dropped paths below `path`. */
export function pruneValue(value: unknown, schema: Schema, path = ''): string[] {
  const walk = new Pruner();
  walk.prune(value, { node: nodeOf(schema), path, resource: false, depth: 0 });
  return walk.dropped.sort();
}

interface Place {
  /** Absent where the schema says nothing about the value: everything in it is unknown. */
  readonly node: SchemaNode | undefined;
  readonly path: string;
  readonly resource: boolean;
  readonly depth: number;
}

class Pruner {
  readonly dropped: string[] = [];

  prune(value: unknown, place: Place): void {
    if (typeof value !== 'object' || value === null || place.depth > maxDepth) return;
    if (Array.isArray(value)) this.#pruneList(value, place);
    else if (isObject(value)) this.#pruneMap(value, place);
  }

  #pruneList(list: readonly unknown[], { node, path, depth }: Place): void {
    const items = node?.items;
    if (items === undefined && node?.preserve === true) return;
    for (let i = 0; i < list.length; i++) {
      const item = list[i];
      if (typeof item !== 'object' || item === null) continue;
      this.prune(item, { node: items, path: `${path}[${i}]`, resource: false, depth: depth + 1 });
    }
  }

  #pruneMap(map: JsonObject, { node, path, resource, depth }: Place): void {
    const isResource = resource || node?.embedded === true;
    for (const key of Object.keys(map)) {
      const value = map[key];
      if (isResource && (key === 'apiVersion' || key === 'kind' || key === 'metadata')) {
        if (key === 'metadata') {
          const dropped = pruneObjectMeta(value, { path: child(path, key), coerce: !resource });
          if (dropped.length > 0) this.dropped.push(...dropped);
        }
        continue;
      }
      const next = node?.properties.get(key) ?? node?.additional;
      if (next !== undefined) {
        if (typeof value === 'object' && value !== null) {
          this.prune(value, { node: next, path: child(path, key), resource: false, depth: depth + 1 });
        }
      } else if (node === undefined || !(node.preserve || node.additionalAny)) {
        this.dropped.push(child(path, key));
        delete map[key];
      }
    }
  }
}

function child(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
