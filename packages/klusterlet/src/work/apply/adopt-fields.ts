/**
 * Takes over, for server-side apply, the fields that this agent wrote by whole updates before: to the server the two
 * are different managers, so that a new value would be a conflict and a field that the manifest drops would stay for
 * ever. Only fields that the manifest or an earlier form of it sets are taken. Pure; called before an apply.
 */
import { isObject, type JsonObject, type KubeObject, setKey } from '@flotilla/api';
import { entryOf, type FieldsEntry, fieldsOf, unite, updatesOf, valuesAt } from './field-sets.js';

/** The object's managedFields as they should be; undefined when there is nothing to take over. */
export function adoptFields(
  live: KubeObject,
  { manager, manifests }: { readonly manager: string; readonly manifests: readonly KubeObject[] },
): FieldsEntry[] | undefined {
  const entries = live.metadata.managedFields ?? [];
  const ours = updatesOf(live);
  if (ours === undefined || !isObject(ours.fieldsV1)) return undefined;
  const { taken, left } = split(ours.fieldsV1, manifests);
  if (Object.keys(taken).length === 0) return undefined;
  const target = entryOf(live, manager, 'Apply');
  if (target !== undefined && target.apiVersion !== ours.apiVersion) return undefined;
  const applied: FieldsEntry = {
    ...(target ?? { ...ours, manager, operation: 'Apply' }),
    fieldsV1: unite(fieldsOf(target), taken),
  };
  const others = entries.filter((entry) => entry !== ours && entry !== target);
  const rest = Object.keys(left).length === 0 ? [] : [{ ...ours, fieldsV1: left }];
  return [applied, ...rest, ...others];
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
