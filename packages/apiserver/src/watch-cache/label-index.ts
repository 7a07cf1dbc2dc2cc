/**
 * Which objects of one resource may have a label with a certain value, so that who asks for it need not look at all of
 * them. Objects are filed by what their bytes hold, as selectors search them: nothing is parsed, and one that has such
 * a field elsewhere is filed, too, so each that is found still has to be asked. Kept by `LabelIndexes`.
 */
import { keyOf, lowerBound } from './key-order.js';
import type { CachedObject } from './types.js';

const quote = 0x22;
const backslash = 0x5c;
/** No label is longer, and nobody can ask for more. */
const longestValue = 63;

export class LabelIndex<T extends Pick<CachedObject, 'key' | 'json'>> {
  readonly #mark: Buffer;
  /** In key order. */
  readonly #byValue = new Map<string, T[]>();

  /** `label` is the label's key. */
  constructor(label: string) {
    this.#mark = Buffer.from(`${JSON.stringify(label)}:`);
  }

  /** All objects whose bytes have the label's key before this value, in key order. */
  find(value: string): readonly T[] {
    return this.#byValue.get(value) ?? [];
  }

  /** `previous` is what its key held before: filed already, or never. */
  set(item: T, previous: T | undefined): void {
    const values = this.#valuesIn(item.json);
    if (previous !== undefined) {
      for (const value of this.#valuesIn(previous.json))
        if (!values.has(value)) this.#unfile(value, previous);
    }
    for (const value of values) this.#file(value, item);
  }

  delete(previous: T): void {
    for (const value of this.#valuesIn(previous.json)) this.#unfile(value, previous);
  }

  #file(value: string, item: T): void {
    const items = this.#byValue.get(value);
    if (items === undefined) {
      this.#byValue.set(value, [item]);
      return;
    }
    const at = lowerBound(items, item.key, keyOf);
    items.splice(at, items[at]?.key === item.key ? 1 : 0, item);
  }

  #unfile(value: string, { key }: T): void {
    const items = this.#byValue.get(value);
    if (items === undefined) return;
    const at = lowerBound(items, key, keyOf);
    if (items[at]?.key === key) items.splice(at, 1);
    if (items.length === 0) this.#byValue.delete(value);
  }

  /** In strings of JSON quotes are escaped: the mark stands before a field of this name and nowhere else. */
  #valuesIn(json: Buffer): ReadonlySet<string> {
    const values = new Set<string>();
    for (let at = json.indexOf(this.#mark); at >= 0; at = json.indexOf(this.#mark, at)) {
      at += this.#mark.length;
      if (json[at] !== quote) continue;
      const end = endOfString(json, at);
      if (end - at - 2 <= longestValue) values.add(JSON.parse(json.toString('utf8', at, end)) as string); // quoted
    }
    return values;
  }
}

/** Where the string that begins here has ended. */
function endOfString(json: Buffer, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== quote) at += json[at] === backslash ? 2 : 1;
  return at + 1;
}
