/**
 * One step of a field path as FieldsV1 writes it: `f:<field>`, `k:<key fields>`, `v:<set member>`, `i:<index>`.
 * Guarantees one spelling per element (compact JSON, key fields sorted, Go's escapes), the order in which
 * Kubernetes writes elements, and the text in which it prints them in conflicts. Pure.
 */
import { isObject, type JsonObject } from '@flotilla/api';

const goEscapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** JSON as Go's encoder writes it: compact, with the HTML-sensitive characters escaped. */
export function escapeAsGo(json: string): string {
  return /[<>&\u2028\u2029]/.test(json) ? json.replace(/[<>&\u2028\u2029]/g, (c) => goEscapes[c] ?? c) : json;
}

/** JSON with the fields of every object sorted, as Go writes maps. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    isObject(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => compareText(a, b))) : item,
  );
}

export function fieldElement(name: string): string {
  return `f:${name}`;
}

/**
 * The element of an item of a map list: its key fields, absent ones from their defaults. `keys` must be sorted.
 * `undefined` when the item has none of them, and so no identity.
 */
export function keyElement(
  item: unknown,
  keys: readonly string[],
  defaults: Readonly<JsonObject>,
): string | undefined {
  if (!isObject(item)) return undefined;
  let out = '';
  for (const key of keys) {
    const value = item[key] ?? defaults[key];
    if (value === undefined) continue;
    out += `${out === '' ? '' : ','}${JSON.stringify(key)}:${scalarJson(value)}`;
  }
  return out === '' ? undefined : `k:{${out}}`;
}

/** The element of a member of a set. `undefined` for null, which cannot be one. */
export function valueElement(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : `v:${scalarJson(value)}`;
}

function scalarJson(value: unknown): string {
  if (typeof value === 'string') return escapeAsGo(JSON.stringify(value));
  return typeof value === 'object' ? escapeAsGo(sortedJson(value)) : JSON.stringify(value);
}

/** The element in the one spelling used here, or `undefined` when it is no path element. */
export function normalizeElement(element: string): string | undefined {
  const kind = element.slice(0, 2);
  if (kind === 'f:') return element;
  if (kind === 'i:') return /^i:-?\d+$/.test(element) ? element : undefined;
  if (kind !== 'k:' && kind !== 'v:') return undefined;
  const value = elementValue(element);
  if (value === undefined) return undefined;
  if (kind === 'v:') return valueElement(value);
  return isObject(value) ? keyElement(value, Object.keys(value).sort(compareText), {}) : undefined;
}

/** The JSON behind `k:` and `v:`; `undefined` when it does not parse. */
function elementValue(element: string): unknown {
  try {
    return JSON.parse(element.slice(2));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** As conflicts print it: `.spec`, `[name="a",port=80]`, `[="member"]`, `[3]`. */
export function formatElement(element: string): string {
  const rest = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'f:':
      return `.${rest}`;
    case 'k:': {
      const fields = elementValue(element);
      if (!isObject(fields)) return `[${rest}]`;
      return `[${Object.entries(fields)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    }
    case 'v:':
      return `[=${JSON.stringify(elementValue(element))}]`;
    default:
      return `[${rest}]`;
  }
}

const kindOrder = '.fkvi';

/** Keys of one string and string members: almost all that occur. Their text sorts as their value does. */
const plainElement = /^(?:k:\{"[\w.-]*":"[^"\\]*"\}|v:"[^"\\]*")$/;

/** What an element is compared by: its text without the closing marks if it is plain, else the value behind it. */
interface SortKey {
  readonly text?: string;
  readonly value?: unknown;
}

function sortKey(element: string): SortKey {
  const kind = element.charAt(0);
  if (kind === 'f' || kind === '.') return { text: element };
  if (plainElement.test(element)) return { text: element.slice(0, kind === 'k' ? -2 : -1) };
  return { value: elementValue(element) };
}

/** Sorts elements in place: `.`, then fields, keys, values and indexes, each by what it names. */
export function sortElements(elements: string[]): string[] {
  const keys = new Map(elements.map((element) => [element, sortKey(element)]));
  return elements.sort((a, b) => {
    if (a.charCodeAt(0) !== b.charCodeAt(0)) {
      return kindOrder.indexOf(a.charAt(0)) - kindOrder.indexOf(b.charAt(0));
    }
    const [left, right] = [keys.get(a), keys.get(b)];
    if (left?.text !== undefined && right?.text !== undefined) return compareText(left.text, right.text);
    return compareValues(left?.value ?? elementValue(a), right?.value ?? elementValue(b));
  });
}

/** True when the keys stand in that order already, which is the common case for fields. */
export function isSortedFields(elements: readonly string[]): boolean {
  let previous = '';
  for (const element of elements) {
    const code = element.charCodeAt(0);
    if ((code !== 0x66 && code !== 0x2e) || element < previous) return false;
    previous = element;
  }
  return true;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const typeOrder = ['number', 'string', 'boolean'];

function compareValues(a: unknown, b: unknown): number {
  if (isObject(a) && isObject(b)) return compareFields(Object.entries(a), Object.entries(b));
  if (typeof a !== typeof b) return typeOrder.indexOf(typeof a) - typeOrder.indexOf(typeof b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return compareText(textOf(a), textOf(b));
}

/** Of whatever JSON holds; `String` would ask an object for its own `toString`. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function compareFields(a: readonly [string, unknown][], b: readonly [string, unknown][]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [left, right] = [a[i], b[i]];
    if (left === undefined || right === undefined) break;
    const order = compareText(left[0], right[0]) || compareValues(left[1], right[1]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
