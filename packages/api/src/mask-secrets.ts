/**
 * Secrets as they may be shown: every value of `data` and `stringData` is `***`, and of two states of one secret a
 * value that differs says so, as `kubectl diff` does. What kubectl applied last stands in an annotation, and is hidden
 * too. Other objects are returned as they are. Pure.
 */
import { equal, isObject, type JsonObject, setKey } from './json.js';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const mask = '***';

/** One object. */
export function maskSecret<T>(object: T): T {
  return maskSecretPair(object, undefined)[0];
}

/** Two states of one object; either may be missing. */
export function maskSecretPair<A, B>(before: A, after: B): [A, B] {
  if (!isSecret(before) && !isSecret(after)) return [before, after];
  return [
    hide(before, { other: after, changed: `${mask} (before)` }) as A, // the same shape, of shorter texts
    hide(after, { other: before, changed: `${mask} (after)` }) as B,
  ];
}

export function isSecret(object: unknown): object is JsonObject {
  return isObject(object) && object['kind'] === 'Secret' && object['apiVersion'] === 'v1';
}

function hide(object: unknown, { other, changed }: { other: unknown; changed: string }): unknown {
  if (!isObject(object)) return object;
  const out: JsonObject = { ...object };
  for (const field of ['data', 'stringData'] as const) {
    if (Object.hasOwn(object, field)) {
      out[field] = hideValues(object[field], { other: fieldOf(other, field), changed });
    }
  }
  const metadata = object['metadata'];
  const annotations = fieldOf(metadata, 'annotations');
  if (isObject(metadata) && isObject(annotations) && Object.hasOwn(annotations, lastApplied)) {
    out['metadata'] = { ...metadata, annotations: { ...annotations, [lastApplied]: mask } };
  }
  return out;
}

function hideValues(values: unknown, { other, changed }: { other: unknown; changed: string }): unknown {
  if (!isObject(values)) return values === undefined || values === null ? values : mask;
  const out: JsonObject = {};
  for (const key of Object.keys(values)) {
    const isChanged = isObject(other) && Object.hasOwn(other, key) && !equal(values[key], other[key]);
    setKey(out, key, isChanged ? changed : mask);
  }
  return out;
}

function fieldOf(object: unknown, field: string): unknown {
  return isObject(object) && Object.hasOwn(object, field) ? object[field] : undefined;
}
