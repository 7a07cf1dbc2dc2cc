/**
 * JSON merge patch (RFC 7386): applying one, and making the smallest one that leads from one object to another.
 * Never mutates its input: what a patch does not touch is shared by reference with the original, so treat
 * results as immutable. The API server applies patches with it, clients make theirs with it. Pure.
 */
import { equal, isObject, type JsonObject, setKey } from './json.js';

/**
 * Applies a merge patch. A patch that is no object replaces the target as a whole.
 * Answers the very same reference when the patch changes nothing.
 */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return equal(target, patch) ? target : patch;
  const base: JsonObject = isObject(target) ? target : {};
  let out: JsonObject | undefined = base === target ? undefined : {};
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    const present = Object.hasOwn(base, key);
    if (value === null) {
      if (!present) continue;
      out ??= { ...base };
      delete out[key];
      continue;
    }
    const old = present ? base[key] : undefined;
    const merged = applyMergePatch(old, value);
    if (present && merged === old) continue;
    out ??= { ...base };
    setKey(out, key, merged);
  }
  return out ?? base;
}

/**
 * The smallest merge patch that turns `from` into `to`: `{}` when they are equal. Keys whose value is
 * `undefined` count as absent. A merge patch cannot store a null; a null in `to` deletes the key, at any depth of objects.
 */
export function createMergePatch(from: JsonObject, to: JsonObject): JsonObject {
  const patch: JsonObject = {};
  for (const key of Object.keys(from)) {
    if (from[key] === undefined) continue;
    if (!Object.hasOwn(to, key) || to[key] === undefined) setKey(patch, key, null);
  }
  for (const key of Object.keys(to)) {
    const value = to[key];
    if (value === undefined) continue;
    const old = Object.hasOwn(from, key) ? from[key] : undefined;
    if (value === old) continue;
    if (isObject(value) && isObject(old)) {
      const nested = createMergePatch(old, value);
      if (Object.keys(nested).length > 0) setKey(patch, key, nested);
    } else if (!equal(old, value)) {
      setKey(patch, key, value);
    }
  }
  return patch;
}
