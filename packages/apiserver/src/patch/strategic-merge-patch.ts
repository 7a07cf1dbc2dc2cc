/**
 * Strategic merge patch, the patch type of built-in kinds: a merge patch in which lists that the schema gives a merge
 * key (or the strategy `merge`, for lists of scalars) are merged by item, plus the directives `$patch`, `$retainKeys`,
 * `$setElementOrder/<f>` and `$deleteFromPrimitiveList/<f>`. Inputs are not mutated; untouched parts are shared
 * with the original. A malformed patch is refused with 400. Called by the PATCH handler.
 */
import { equal, isObject, type JsonObject, newBadRequest, type Schema, setKey } from '@flotilla/api';
import { objectMetaSchema } from '../field-manager/typed-node.js';
import {
  type ListMerge,
  orderItems,
  orderLike,
  requireMergeKey,
  sameItem,
  type Undirected,
} from './strategic-list-order.js';

const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';
const patchDirective = '$patch';
const retainDirective = '$retainKeys';

/** The patched object. Throws StatusError 400 when the patch is no object or misuses a directive. */
export function applyStrategicMergePatch(object: object, patch: unknown, schema: Schema): object {
  if (!isObject(patch))
    throw newBadRequest('error decoding patch: a strategic merge patch must be an object');
  return mergeMap(object as JsonObject, patch, rootSchema(schema));
}

/** Custom schemas say little about metadata; its lists merge the same way everywhere. */
function rootSchema(schema: Schema): Schema {
  if (schema.properties?.['metadata']?.properties !== undefined) return schema;
  return { ...schema, properties: { ...schema.properties, metadata: objectMetaSchema } };
}

function mergeMap(original: JsonObject, patch: JsonObject, schema: Schema): JsonObject {
  const directive = patch[patchDirective];
  if (directive === 'replace') return fresh(patch, schema);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') throw unknownDirective(directive);
  const edit = new Edit(retainKeys(original, patch));
  mergeOrderedLists(edit, patch, schema);
  for (const key of Object.keys(patch)) {
    if (key === patchDirective || key === retainDirective || key.startsWith(orderPrefix)) continue;
    if (key.startsWith(deletePrefix)) {
      deleteScalars(edit, { field: key.slice(deletePrefix.length), patch: patch[key] });
    } else if (!Object.hasOwn(patch, orderPrefix + key)) {
      edit.set(key, mergeValue(edit.get(key), patch[key], fieldSchema(schema, key)));
    }
  }
  return edit.result;
}

/** A map on its way to becoming another: copied at the first difference. */
class Edit {
  #map: JsonObject;
  #copied = false;

  constructor(map: JsonObject) {
    this.#map = map;
  }

  get result(): JsonObject {
    return this.#map;
  }

  get(key: string): unknown {
    return Object.hasOwn(this.#map, key) ? this.#map[key] : undefined;
  }

  /** `undefined` removes the key. */
  set(key: string, value: unknown): void {
    if (value === this.get(key)) return;
    if (!this.#copied) this.#map = { ...this.#map };
    this.#copied = true;
    if (value === undefined) delete this.#map[key];
    else setKey(this.#map, key, value);
  }
}

function mergeValue(old: unknown, value: unknown, schema: Schema): unknown {
  if (value === null) return undefined;
  const strategies = strategiesOf(schema);
  if (isObject(value)) {
    if (!isObject(old)) return fresh(value, schema);
    return strategies.has('replace') ? fresh(value, schema) : mergeMap(old, value, schema);
  }
  if (Array.isArray(value)) {
    if (!Array.isArray(old) || !strategies.has('merge')) return freshList(value, schema);
    return mergeList({ original: old, patch: value, schema });
  }
  return equal(old, value) ? old : value;
}

/** What the patch puts where nothing was: without nulls, directives and items that ask for their own deletion. */
function fresh(value: JsonObject, schema: Schema): JsonObject {
  const { [patchDirective]: directive, ...content } = value;
  return directive === 'delete' ? {} : mergeMap({}, content, schema);
}

function freshList(list: readonly unknown[], schema: Schema): unknown[] {
  return list.flatMap((item) => {
    if (!isObject(item)) return [item];
    const directive = item[patchDirective];
    // An item `$patch: replace` only says what to do with the old list.
    if (directive === 'delete' || (directive === 'replace' && Object.keys(item).length === 1)) return [];
    return [fresh(item, schema.items ?? {})];
  });
}

function mergeList(lists: Undirected): readonly unknown[] {
  const { original, schema } = lists;
  const scalars = !original.some(isObject) && !lists.patch.some(isObject);
  if (scalars) {
    const merged = [...new Set([...original, ...lists.patch])];
    return orderItems(merged, { order: lists.patch, original });
  }
  if (original.length === 0) return freshList(lists.patch, schema);
  const key = requireMergeKey(schema);
  const { base, patch, replace } = takeDirectives(lists, key);
  if (replace) return freshList(patch, schema);
  const merged = [...base];
  for (const item of patch) {
    if (!isObject(item) || item[key] === undefined) {
      throw newBadRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    }
    const at = merged.findIndex((other) => sameItem(other, item, key));
    const old = merged[at];
    if (at < 0 || !isObject(old)) merged.push(fresh(item, schema.items ?? {}));
    else merged[at] = mergeMap(old, item, schema.items ?? {});
  }
  return orderItems(merged, { order: patch, original: base, key });
}

/** Carries out `$patch` items: `delete` takes an item away, `replace` discards the old list. */
function takeDirectives(
  { original, patch }: Undirected,
  key: string,
): { base: readonly unknown[]; patch: readonly unknown[]; replace: boolean } {
  let base = original;
  let replace = false;
  const rest: unknown[] = [];
  for (const item of patch) {
    const directive = isObject(item) ? item[patchDirective] : undefined;
    if (directive === undefined || !isObject(item)) {
      rest.push(item);
    } else if (directive === 'delete') {
      if (item[key] === undefined) throw newBadRequest('delete patch type with no merge key defined');
      base = base.filter((other) => !sameItem(other, item, key));
    } else if (directive === 'replace') {
      replace = true;
    } else if (directive === 'merge') {
      throw newBadRequest('merging lists cannot yet be specified in the patch');
    } else {
      throw unknownDirective(directive);
    }
  }
  return { base, patch: rest, replace };
}

/** Lists whose order the patch states: merged first, then ordered as it says. */
function mergeOrderedLists(edit: Edit, patch: JsonObject, schema: Schema): void {
  for (const directive of Object.keys(patch)) {
    if (!directive.startsWith(orderPrefix)) continue;
    const field = directive.slice(orderPrefix.length);
    const list = fieldSchema(schema, field);
    const order = requireList(patch[directive], directive);
    const original = edit.get(field) ?? undefined;
    const hasChange = Object.hasOwn(patch, field);
    if (hasChange && patch[field] === null) {
      edit.set(field, undefined);
      continue;
    }
    const change = hasChange ? requireList(patch[field], field) : undefined;
    if (original === undefined && change === undefined) continue;
    const merge: ListMerge = { order, key: list['x-kubernetes-patch-merge-key'] };
    if (change !== undefined) orderLike(change, merge);
    const merged = change === undefined ? original : mergeValue(original, change, list);
    if (!Array.isArray(merged)) throw newBadRequest(`${directive} is about a field that is no list`);
    const ordered = orderItems(merged, { ...merge, original: Array.isArray(original) ? original : [] });
    edit.set(field, Array.isArray(original) && equal(original, ordered) ? original : ordered);
  }
}

function deleteScalars(edit: Edit, { field, patch }: { field: string; patch: unknown }): void {
  const gone = requireList(patch, deletePrefix + field);
  const old = edit.get(field);
  if (!Array.isArray(old)) return;
  const rest = old.filter((item) => !gone.includes(item));
  if (rest.length < old.length) edit.set(field, rest);
}

/** `$retainKeys` names the only keys that stay; the patch may set no others. */
function retainKeys(original: JsonObject, patch: JsonObject): JsonObject {
  if (!Object.hasOwn(patch, retainDirective)) return original;
  const keep = new Set(requireList(patch[retainDirective], retainDirective));
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith('$') && value !== null && !keep.has(key)) {
      throw newBadRequest(
        `the patch sets ${JSON.stringify(key)}, which is not in its own ${retainDirective}`,
      );
    }
  }
  const edit = new Edit(original);
  for (const key of Object.keys(original)) if (!keep.has(key)) edit.set(key, undefined);
  return edit.result;
}

function fieldSchema(schema: Schema, field: string): Schema {
  const { properties, additionalProperties } = schema;
  if (properties !== undefined && Object.hasOwn(properties, field)) return properties[field] ?? {};
  return typeof additionalProperties === 'object' ? additionalProperties : {};
}

function strategiesOf(schema: Schema): ReadonlySet<string> {
  return new Set((schema['x-kubernetes-patch-strategy'] ?? '').split(','));
}

function requireList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw newBadRequest(`error decoding patch: ${what} must be a list`);
  return value;
}

function unknownDirective(directive: unknown): Error {
  return newBadRequest(`unknown patch type ${JSON.stringify(directive)} found in the patch`);
}
