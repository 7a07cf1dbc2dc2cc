/**
 * Sets of fields in the form of managedFields (`f:name`, `k:{"name":"x"}`, `v:"x"`, `i:0`; `.` is the field itself,
 * an empty object a field with all that is below it). What is below a field that a manifest sets as a whole is its.
 * Pure; called where fields change hands.
 */
import { defaultFieldManager, isObject, type JsonObject, type KubeObject, setKey } from '@flotilla/api';

export type FieldsEntry = NonNullable<KubeObject['metadata']['managedFields']>[number];

const self = '.';

/** The entry of a manager for the object itself, not for a subresource of it. */
export function entryOf(
  live: KubeObject,
  manager: string,
  operation: 'Apply' | 'Update',
): FieldsEntry | undefined {
  return live.metadata.managedFields?.find(
    (entry) => entry.manager === manager && entry.operation === operation && !entry.subresource,
  );
}

/** What whole updates of this agent, and of other agents like it, have written. */
export function updatesOf(live: KubeObject): FieldsEntry | undefined {
  return entryOf(live, defaultFieldManager, 'Update');
}

export function fieldsOf(entry: FieldsEntry | undefined): JsonObject {
  return isObject(entry?.fieldsV1) ? entry.fieldsV1 : {};
}

export function isEmptySet(fields: JsonObject): boolean {
  return Object.keys(fields).length === 0;
}

/** What a value has at one element of a field path. A null in a manifest sets nothing. */
export function valuesAt(value: unknown, path: string): unknown[] {
  const text = path.slice(2);
  if (path.startsWith('f:')) {
    const found = isObject(value) && Object.hasOwn(value, text) ? value[text] : undefined;
    return found === undefined || found === null ? [] : [found];
  }
  if (!Array.isArray(value)) return [];
  if (path.startsWith('i:')) return Number(text) < value.length ? [value[Number(text)]] : [];
  const wanted: unknown = JSON.parse(text);
  if (path.startsWith('v:')) return value.filter((item) => item === wanted);
  // A key that the manifest leaves to its default is no difference.
  return value.filter(
    (item) =>
      isObject(item) &&
      isObject(wanted) &&
      Object.keys(wanted).every((key) => item[key] === undefined || item[key] === wanted[key]) &&
      Object.keys(wanted).some((key) => item[key] !== undefined),
  );
}

export function unite(into: JsonObject, from: JsonObject): JsonObject {
  const out: JsonObject = { ...into };
  for (const path of Object.keys(from)) {
    const [before, added] = [out[path], from[path]];
    setKey(out, path, isObject(before) && isObject(added) ? unite(before, added) : (added ?? {}));
  }
  return out;
}

export interface Split {
  readonly set: JsonObject;
  readonly unset: JsonObject;
}

/** Parts the fields that one of the values sets from the others. A list or map that is set is none of the others. */
export function splitBy(fields: JsonObject, values: readonly unknown[]): Split {
  const set: JsonObject = {};
  const unset: JsonObject = {};
  for (const path of Object.keys(fields)) {
    if (path === self) continue;
    const below = childOf(fields, path);
    const found = values.flatMap((value) => valuesAt(value, path));
    if (found.length === 0) setKey(unset, path, below);
    else if (isEmptySet(below)) setKey(set, path, below);
    else {
      const inner = splitBy(below, found);
      // The keys of an item are the item's: a manifest may leave one of them to its default.
      const keys = keyFields(path).filter((key) => Object.hasOwn(inner.unset, key));
      for (const key of keys) {
        setKey(inner.set, key, inner.unset[key]);
        delete inner.unset[key];
      }
      if (Object.hasOwn(below, self)) setKey(inner.set, self, {});
      if (!isEmptySet(inner.set)) setKey(set, path, inner.set);
      if (!isEmptySet(inner.unset)) setKey(unset, path, inner.unset);
    }
  }
  return { set, unset };
}

/**
 * The fields that the other set has no part in. Who has a map or a list and nothing that is in it keeps it from going,
 * no more.
 */
export function without(fields: JsonObject, other: JsonObject): JsonObject {
  const out: JsonObject = {};
  for (const path of Object.keys(fields)) {
    if (path === self) continue;
    const below = childOf(fields, path);
    if (!Object.hasOwn(other, path)) setKey(out, path, below);
    else if (!isEmptySet(below)) {
      const inner = without(below, childOf(other, path));
      for (const key of keyFields(path)) delete inner[key];
      if (!isEmptySet(inner)) setKey(out, path, inner);
    }
  }
  return out;
}

/** The value without the fields; `undefined` when nothing is left of a map or list that goes itself. */
export function withoutFields(value: unknown, fields: JsonObject): unknown {
  if (isEmptySet(fields)) return undefined;
  const rest = Array.isArray(value) ? withoutItems(value, fields) : withoutKeys(value, fields);
  const isBare = isObject(rest) ? Object.keys(rest).length === 0 : Array.isArray(rest) && rest.length === 0;
  return isBare && Object.hasOwn(fields, self) ? undefined : rest;
}

function withoutKeys(value: unknown, fields: JsonObject): unknown {
  if (!isObject(value)) return value;
  const out: JsonObject = { ...value };
  for (const path of Object.keys(fields)) {
    const key = path.slice(2);
    if (!path.startsWith('f:') || !Object.hasOwn(value, key)) continue;
    const rest = withoutFields(value[key], childOf(fields, path));
    if (rest === undefined) delete out[key];
    else setKey(out, key, rest);
  }
  return out;
}

/** An item that goes goes whole, with what the server added to it: half of an item would be no item. */
function withoutItems(items: readonly unknown[], fields: JsonObject): unknown[] {
  let out = [...items];
  for (const path of Object.keys(fields)) {
    if (!path.startsWith('k:') && !path.startsWith('v:')) continue;
    const below = childOf(fields, path);
    const isWhole = isEmptySet(below) || Object.hasOwn(below, self);
    const found = new Set(valuesAt(items, path));
    out = out.flatMap((item) => {
      if (!found.has(item)) return [item];
      return isWhole ? [] : [withoutFields(item, below)];
    });
  }
  return out;
}

function childOf(fields: JsonObject, path: string): JsonObject {
  const child = fields[path];
  return isObject(child) ? child : {};
}

function keyFields(path: string): string[] {
  if (!path.startsWith('k:')) return [];
  const key: unknown = JSON.parse(path.slice(2));
  return isObject(key) ? Object.keys(key).map((name) => `f:${name}`) : [];
}
