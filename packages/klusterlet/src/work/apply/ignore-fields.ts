/**
 * The fields that a ServerSideApply manifest does not enforce, found by JSONPath, JSON Pointer or jq path, and taken
 * out of what is sent. As in OCM a JSONPath removes keys of objects only; the other two remove list items as well.
 * Objects are never changed in place. Pure.
 */
import {
  type CompiledJsonPath,
  clone,
  compileJsonPath,
  evaluateJsonPath,
  type IgnoreField,
  isObject,
  type JsonObject,
  JsonPathError,
  type KubeObject,
  setKey,
} from '@flotilla/api';
import { locateJqPaths } from './jq/jq-path.js';
import type { Place } from './jq/jq-values.js';

/** A path that cannot be read; the message says which and why. */
export class IgnoreFieldError extends Error {
  override readonly name = 'IgnoreFieldError';
}

type Step = CompiledJsonPath['steps'][number];

/** Values that one path may look at; as many as a jq path may. */
const maxSteps = 200_000;

/** The object without the ignored fields. @throws IgnoreFieldError */
export function removeIgnoredFields(object: KubeObject, ignored: readonly IgnoreField[]): KubeObject {
  const places = placesOf(ignored, object);
  if (places.length === 0) return object;
  const out = clone(object);
  // From the back, so that removing a list item moves none that is still to be removed.
  for (const place of places.sort(comparePlaces).reverse()) removeAt(out, place);
  return out;
}

/**
 * The object with what the cluster has made of the ignored fields. Leaving such a field out would make the server
 * remove it when nobody else owns it yet. Fields inside lists are left out, since items may have moved.
 */
export function keepLiveFields(
  object: KubeObject,
  live: KubeObject,
  ignored: readonly IgnoreField[],
): KubeObject {
  const places = placesOf(ignored, object);
  const kept = places.filter((place) => place.every((step) => typeof step === 'string'));
  const out = clone(removeIgnoredFields(object, ignored));
  for (const place of kept) {
    const value = valueAt(live, place);
    const parent = valueAt(out, place.slice(0, -1));
    if (value !== undefined && isObject(parent)) setKey(parent, String(place.at(-1)), clone(value));
  }
  return out;
}

/** Each place once: a list item that two paths lead to must not take the one after it along. */
function placesOf(ignored: readonly IgnoreField[], object: KubeObject): Place[] {
  const places = ignored.flatMap((field) => locateAll(field, object));
  return [...new Map(places.map((place) => [JSON.stringify(place), place])).values()];
}

function locateAll(field: IgnoreField, object: KubeObject): Place[] {
  const byPath = (field.jsonPaths ?? []).flatMap((path) => {
    const { steps } = compile(path);
    if (steps.at(-1)?.kind !== 'field') return [];
    let left = maxSteps;
    const spend = () => {
      if (left-- > 0) return;
      throw new IgnoreFieldError(`the path ${JSON.stringify(path)} looks at too many values`);
    };
    return locate(steps, { value: object, root: object, place: [], spend });
  });
  const byPointer = (field.jsonPointers ?? []).flatMap((pointer) => locatePointer(pointer, object));
  const byJq = (field.jqPathExpressions ?? []).flatMap((expression) => locateJq(expression, object));
  return [...byPath, ...byPointer, ...byJq];
}

function locateJq(expression: string, object: KubeObject): Place[] {
  try {
    const places = locateJqPaths(expression, object);
    return places.filter((place) => place.length > 0 && valueAt(object, place) !== undefined);
  } catch (cause) {
    throw new IgnoreFieldError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function compile(path: string): CompiledJsonPath {
  try {
    return compileJsonPath(path);
  } catch (cause) {
    throw new IgnoreFieldError(`cannot read the path ${JSON.stringify(path)}`, { cause });
  }
}

function locatePointer(pointer: string, object: KubeObject): Place[] {
  if (!pointer.startsWith('/')) {
    throw new IgnoreFieldError(`the JSON pointer ${JSON.stringify(pointer)} must begin with /`);
  }
  const place: (string | number)[] = [];
  let value: unknown = object;
  for (const part of pointer.slice(1).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const step = Array.isArray(value) ? Number(key) : key;
    value = valueAt(value, [step]);
    if (value === undefined) return [];
    place.push(step);
  }
  return [place];
}

interface Cursor {
  readonly value: unknown;
  readonly root: unknown;
  readonly place: Place;
  readonly spend: () => void;
}

/** Where a path leads, as keys and indexes from the root. */
function locate(steps: readonly Step[], cursor: Cursor): Place[] {
  const [step, ...rest] = steps;
  if (step === undefined) return cursor.place.length === 0 ? [] : [cursor.place];
  return next(step, cursor).flatMap((place) =>
    locate(rest, { ...cursor, place, value: valueAt(cursor.root, place) }),
  );
}

function next(step: Step, cursor: Cursor): Place[] {
  const { value, place, spend } = cursor;
  spend();
  const below = (key: string | number): Place => [...place, key];
  switch (step.kind) {
    case 'field':
      return isObject(value) && Object.hasOwn(value, step.name) ? [below(step.name)] : [];
    case 'descend':
      return [
        place,
        ...childKeys(value).flatMap((key) =>
          next(step, { ...cursor, value: valueAt(value, [key]), place: below(key) }),
        ),
      ];
    case 'union':
      return step.steps.flatMap((each) => next(each, cursor));
    default: {
      for (const _ of childKeys(value)) spend();
      return pickedKeys(step, value).map(below);
    }
  }
}

/** Keys of the children that a wildcard, a filter, an index or a slice picks. */
function pickedKeys(step: Step, value: unknown): (string | number)[] {
  const keys = childKeys(value);
  if (step.kind === 'wildcard') return keys;
  if (step.kind === 'filter') return keys.filter((key) => finds(step, [valueAt(value, [key])]).length > 0);
  if (!Array.isArray(value)) return [];
  // Asked of a list of which each item is its own key.
  const picked = new Set(finds(step, keys));
  return keys.filter((key) => picked.has(key));
}

function finds(step: Step, value: unknown): unknown[] {
  try {
    return evaluateJsonPath({ text: '', steps: [step] }, value);
  } catch (cause) {
    if (!(cause instanceof JsonPathError)) throw cause;
    throw new IgnoreFieldError('a filter of a path looks at too many values', { cause });
  }
}

function childKeys(value: unknown): (string | number)[] {
  if (Array.isArray(value)) return [...value.keys()];
  return isObject(value) ? Object.keys(value) : [];
}

function valueAt(root: unknown, place: Place): unknown {
  let value = root;
  for (const step of place) {
    if (Array.isArray(value)) value = typeof step === 'number' ? value[step] : undefined;
    else if (isObject(value) && Object.hasOwn(value, step)) value = (value as JsonObject)[step];
    else return undefined;
  }
  return value;
}

function removeAt(root: unknown, place: Place): void {
  const parent = valueAt(root, place.slice(0, -1));
  const last = place.at(-1);
  if (Array.isArray(parent) && typeof last === 'number') parent.splice(last, 1);
  else if (isObject(parent) && last !== undefined) delete parent[last];
}

function comparePlaces(a: Place, b: Place): number {
  for (const [at, step] of a.entries()) {
    const other = b[at];
    if (other === undefined) return 1;
    if (step === other) continue;
    if (typeof step === 'number' && typeof other === 'number') return step - other;
    return String(step) < String(other) ? -1 : 1;
  }
  return a.length - b.length;
}
