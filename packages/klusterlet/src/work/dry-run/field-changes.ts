/**
 * What differs between an object before and after, field by field, for a person to read. What a server counts and
 * notes on every write is left out, and the values of secrets are masked. Bounded, whatever the objects hold. Pure.
 */
import {
  equal,
  type FieldChange,
  isObject,
  type JsonObject,
  type KubeObject,
  maskSecretPair,
} from '@flotilla/api';
import { isInventoryReference } from '../apply/owner-references.js';

export interface FieldChanges {
  readonly changes: readonly FieldChange[];
  /** How many are left out. */
  readonly more: number;
}

export const maxChangesOfObject = 50;
const maxValueLength = 200;
/** Fields of metadata that the server writes on its own. */
const bookkeeping = [
  'managedFields',
  'resourceVersion',
  'generation',
  'uid',
  'creationTimestamp',
  'selfLink',
] as const;

export function fieldChanges(before: KubeObject, after: KubeObject): FieldChanges {
  const [was, is] = maskSecretPair(essence(before), essence(after));
  const found: FieldChange[] = [];
  let more = 0;
  const tell = (change: FieldChange): void => {
    if (found.length < maxChangesOfObject) found.push(change);
    else more++;
  };
  compare('', { was, is }, tell);
  return { changes: found, more };
}

function essence(object: KubeObject): JsonObject {
  const metadata: JsonObject = { ...object.metadata };
  for (const field of bookkeeping) delete metadata[field];
  const owners =
    object.metadata.ownerReferences?.filter((reference) => !isInventoryReference(reference)) ?? [];
  if (owners.length > 0) metadata['ownerReferences'] = owners;
  else delete metadata['ownerReferences'];
  const { status: _, ...rest } = object;
  return { ...rest, metadata };
}

interface Pair {
  readonly was: unknown;
  readonly is: unknown;
}

function compare(path: string, { was, is }: Pair, tell: (change: FieldChange) => void): void {
  if (equal(was, is)) return;
  if (isObject(was) && isObject(is)) {
    for (const key of [...new Set([...Object.keys(was), ...Object.keys(is)])].sort()) {
      compare(below(path, key), { was: own(was, key), is: own(is, key) }, tell);
    }
    return;
  }
  if (Array.isArray(was) && Array.isArray(is)) {
    compareLists(path, { was, is }, tell);
    return;
  }
  tell({
    path: path || '.',
    ...(was !== undefined && { from: textOf(was) }),
    ...(is !== undefined && { to: textOf(is) }),
  });
}

/** Items with names are told apart by them, others by their place. */
function compareLists(
  path: string,
  { was, is }: { readonly was: readonly unknown[]; readonly is: readonly unknown[] },
  tell: (change: FieldChange) => void,
): void {
  const [old, now] = [byName(was), byName(is)];
  if (old === undefined || now === undefined) {
    for (let at = 0; at < Math.max(was.length, is.length); at++) {
      compare(`${path}[${at}]`, { was: was[at], is: is[at] }, tell);
    }
    return;
  }
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    compare(`${path}[name=${name}]`, { was: old.get(name), is: now.get(name) }, tell);
  }
}

function byName(items: readonly unknown[]): Map<string, unknown> | undefined {
  const named = new Map<string, unknown>();
  for (const item of items) {
    const name = isObject(item) ? item['name'] : undefined;
    if (typeof name !== 'string' || named.has(name)) return undefined;
    named.set(name, item);
  }
  return named;
}

function below(path: string, key: string): string {
  if (!/^[A-Za-z0-9_$-]+$/.test(key)) return `${path}[${JSON.stringify(key.slice(0, maxValueLength))}]`;
  return path === '' ? key : `${path}.${key}`;
}

function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= maxValueLength ? text : `${text.slice(0, maxValueLength)}…`;
}
