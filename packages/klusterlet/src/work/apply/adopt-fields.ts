/**
 * Takes over, for server-side apply, the fields that this agent wrote by whole updates before: to the server the two
 * are different managers, so that a new value would be a conflict and a field that the manifest drops would stay for
 * ever. Only fields that the manifest or an earlier form of it sets are taken. Pure; called before an apply.
 */
import { defaultFieldManager, isObject, type JsonObject, type KubeObject, setKey } from '@flotilla/api';

type Entry = NonNullable<KubeObject['metadata']['managedFields']>[number];

/** The object's managedFields as they should be; undefined when there is nothing to take over. */
export function adoptFields(
  live: KubeObject,
  { manager, manifests }: { readonly manager: string; readonly manifests: readonly KubeObject[] },
): Entry[] | undefined {
  const entries = live.metadata.managedFields ?? [];
  const ours = entries.find((entry) => isPlain(entry, defaultFieldManager, 'Update'));
  if (ours === undefined || !isObject(ours.fieldsV1)) return undefined;
  const { taken, left } = split(ours.fieldsV1, manifests);
  if (Object.keys(taken).length === 0) return undefined;
  const target = entries.find((entry) => isPlain(entry, manager, 'Apply'));
  if (target !== undefined && target.apiVersion !== ours.apiVersion) return undefined;
  const applied: Entry = {
    ...(target ?? { ...ours, manager, operation: 'Apply' }),
    fieldsV1: merge(isObject(target?.fieldsV1) ? target.fieldsV1 : {}, taken),
  };
  const others = entries.filter((entry) => entry !== ours && entry !== target);
  const rest = Object.keys(left).length === 0 ? [] : [{ ...ours, fieldsV1: left }];
  return [applied, ...rest, ...others];
}

function isPlain(entry: Entry, manager: string, operation: string): boolean {
  return entry.manager === manager && entry.operation === operation && !entry.subresource;
}

interface Split {
  readonly taken: JsonObject;
  readonly left: JsonObject;
}

/**
 * An item of a list is taken whole, with what the server added to it: nobody else has it, and half of an item would
 * be no item.
 */
function split(fields: JsonObject, values: readonly unknown[]): Split {
  const taken: JsonObject = {};
  const left: JsonObject = {};
  for (const path of Object.keys(fields)) {
    if (path === '.') continue;
    const below = isObject(fields[path]) ? fields[path] : {};
    const found = values.flatMap((value) => valuesAt(value, path));
    if (found.length === 0) setKey(left, path, below);
    else if (!path.startsWith('f:') || Object.keys(below).length === 0) setKey(taken, path, below);
    else {
      const inner = split(below, found);
      if (Object.keys(inner.taken).length > 0) setKey(taken, path, inner.taken);
      if (Object.keys(inner.left).length > 0) setKey(left, path, inner.left);
    }
  }
  if (Object.hasOwn(fields, '.')) setKey(Object.keys(taken).length > 0 ? taken : left, '.', {});
  return { taken, left };
}

/** What a value has at one element of a field path: `f:name`, `k:{"name":"x"}`, `v:"x"` or `i:0`. */
function valuesAt(value: unknown, path: string): unknown[] {
  const text = path.slice(2);
  if (path.startsWith('f:')) return isObject(value) && Object.hasOwn(value, text) ? [value[text]] : [];
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

function merge(into: JsonObject, from: JsonObject): JsonObject {
  const out: JsonObject = { ...into };
  for (const path of Object.keys(from)) {
    const [before, added] = [out[path], from[path]];
    setKey(out, path, isObject(before) && isObject(added) ? merge(before, added) : (added ?? {}));
  }
  return out;
}
