/** Whether an object has all that is asked for, whatever else a server adds to it. Pure. */
import { equal, isObject } from '@flotilla/api';

/** The path of the first field that is in `want` and not the same in `have`; undefined: there is none. */
export function firstDifference(want: unknown, have: unknown, path = ''): string | undefined {
  if (Array.isArray(want)) {
    const items: readonly unknown[] = Array.isArray(have) ? have : [];
    if (!Array.isArray(have) || items.length !== want.length) return path;
    return first(want.keys(), (i) => firstDifference(want[i], items[i], `${path}[${i}]`));
  }
  if (!isObject(want)) return equal(want, have) ? undefined : path;
  if (!isObject(have)) return path;
  return first(Object.keys(want), (name) =>
    firstDifference(want[name], have[name], path === '' ? name : `${path}.${name}`),
  );
}

function first<K>(keys: Iterable<K>, find: (key: K) => string | undefined): string | undefined {
  for (const key of keys) {
    const found = find(key);
    if (found !== undefined) return found;
  }
  return undefined;
}
