/** Reading JSON whose shape only the test knows. */

/** The value at a dotted path; numbers index lists, `a\.b` is one key. Undefined when it is not there. */
export function at(value: unknown, path: string): unknown {
  let current = value;
  for (const key of path.split(/(?<!\\)\./).map((part) => part.replaceAll('\\.', '.'))) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string, unknown>)[key]; // any key may be asked for
  }
  return current;
}

/** The list at a path. @throws Error when there is none. */
export function list(value: unknown, path = 'items'): readonly unknown[] {
  const found = at(value, path);
  if (!Array.isArray(found)) throw new Error(`no list at ${path}: ${JSON.stringify(value)}`);
  return found;
}

/** The text at a path. @throws Error when there is none. */
export function text(value: unknown, path: string): string {
  const found = at(value, path);
  if (typeof found !== 'string') throw new Error(`no text at ${path}: ${JSON.stringify(value)}`);
  return found;
}

/** One path of each item of a list. */
export function each(value: unknown, path: string, items = 'items'): readonly unknown[] {
  return list(value, items).map((item) => at(item, path));
}
