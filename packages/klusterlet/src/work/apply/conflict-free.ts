/**
 * What is left of a manifest without the fields that a server-side apply was refused for, so that a quarrel about one
 * field does not keep the others from being corrected. Fields are named as kube-apiserver prints them in a conflict:
 * `.spec.template.spec.containers[name="web"].image`, with dots in names as they are. Pure.
 */
import { hasReason, isObject, type JsonObject, type KubeObject, setKey } from '@flotilla/api';

/** The fields that other managers have; undefined for any other error. */
export function conflictingFields(error: unknown): readonly string[] | undefined {
  if (!hasReason(error, 'Conflict')) return undefined;
  const causes = error.status.details?.causes ?? [];
  const conflicts = causes.filter(({ reason }) => reason === 'FieldManagerConflict');
  return conflicts.length === 0 ? undefined : conflicts.map(({ field }) => field ?? '');
}

/** The manifest without these fields; undefined when one of them is not in it, or in a place that cannot be left out. */
export function withoutFields(manifest: KubeObject, fields: readonly string[]): KubeObject | undefined {
  let left: unknown = manifest;
  for (const field of fields) {
    left = without(left, field);
    if (left === undefined) return undefined;
  }
  return left as KubeObject; // nothing but parts of it was taken away
}

/** A copy without the value at the path, which is not empty; undefined when there is none. */
function without(value: unknown, path: string): unknown {
  return path.startsWith('.') ? withoutKey(value, path.slice(1)) : withoutItem(value, path);
}

function withoutKey(value: unknown, path: string): JsonObject | undefined {
  if (!isObject(value)) return undefined;
  // A key may hold dots and brackets: the longest that fits is meant.
  const [key] = Object.keys(value)
    .filter((each) => path === each || path.startsWith(`${each}.`) || path.startsWith(`${each}[`))
    .sort((a, b) => b.length - a.length);
  if (key === undefined) return undefined;
  const rest = path.slice(key.length);
  const changed = rest === '' ? undefined : without(value[key], rest);
  if (rest !== '' && changed === undefined) return undefined;
  const out: JsonObject = {};
  for (const each of Object.keys(value)) {
    if (each !== key) setKey(out, each, value[each]);
    else if (rest !== '') setKey(out, each, changed);
  }
  return out;
}

function withoutItem(value: unknown, path: string): readonly unknown[] | undefined {
  const step = readStep(path);
  if (!Array.isArray(value) || step === undefined) return undefined;
  const items: readonly unknown[] = value;
  const index = items.findIndex(step.matches);
  if (index < 0) return undefined;
  if (step.rest === '') return items.toSpliced(index, 1);
  const changed = without(items[index], step.rest);
  return changed === undefined ? undefined : items.with(index, changed);
}

interface ItemStep {
  readonly matches: (item: unknown, index: number) => boolean;
  readonly rest: string;
}

/** `[name="x"]`, `[containerPort=80,protocol="TCP"]`, `[="member of a set"]` or `[0]`. */
function readStep(path: string): ItemStep | undefined {
  const text = /^\[((?:"(?:[^"\\]|\\.)*"|[^\]"])*)\]/.exec(path);
  if (text === null) return undefined;
  const [whole, inner = ''] = text;
  const rest = path.slice(whole.length);
  if (/^\d+$/.test(inner)) return { rest, matches: (_, index) => index === Number(inner) };
  const wanted = [...inner.matchAll(/([^=,"]*)=("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(
    ([, key = '', json = '']) => [key, parseScalar(json)] as const,
  );
  if (wanted.length === 0) return undefined;
  return {
    rest,
    matches: (item) =>
      wanted.every(([key, scalar]) =>
        // A key that the manifest leaves to its default is taken to be that default.
        key === '' ? item === scalar : isObject(item) && (item[key] === scalar || item[key] === undefined),
      ),
  };
}

function parseScalar(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) return json; // as it stands, it equals nothing but that text
    throw error;
  }
}
