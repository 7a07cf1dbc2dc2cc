/**
 * Reading and filling in objects whose types were checked before, but whose fields may be absent. A missing or
 * unexpected value reads as empty, so that strategies and printer columns never throw. Pure.
 */
import { isObject, type JsonObject } from '@flotilla/api';

/** The value at a path of keys; undefined where any of them is missing. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const key of path) {
    if (!isObject(current) || !Object.hasOwn(current, key)) return undefined;
    current = current[key];
  }
  return current;
}

/** The object at a path, or an empty one that is not part of the value. */
export function objectAt(value: unknown, ...path: readonly string[]): JsonObject {
  const found = at(value, ...path);
  return isObject(found) ? found : {};
}

/** The objects of the list at a path. */
export function objectsAt(value: unknown, ...path: readonly string[]): readonly JsonObject[] {
  return listAt(value, ...path).filter(isObject);
}

export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

export function textsAt(value: unknown, ...path: readonly string[]): readonly string[] {
  return listAt(value, ...path).filter((item) => typeof item === 'string');
}

export function numberAt(value: unknown, ...path: readonly string[]): number {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : 0;
}

/** Sets keys that are absent. */
export function fill(object: JsonObject, defaults: JsonObject): void {
  for (const key of Object.keys(defaults)) {
    const present = object[key];
    if (present === undefined || present === null || present === '') object[key] = defaults[key];
  }
}

/** The object under a key, made when it is absent. */
export function ensure(object: JsonObject, key: string): JsonObject {
  const present = object[key];
  if (isObject(present)) return present;
  const made: JsonObject = {};
  object[key] = made;
  return made;
}
