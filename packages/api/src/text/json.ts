/**
 * JSON text to values, with what JSON.parse hides: keys that occur twice (the last one wins, as in Kubernetes) and
 * where exactly a text is broken. The fast path is JSON.parse and a count of keys; only a text with duplicates or
 * errors is read by the scanner. `__proto__` is an ordinary key. Integers beyond 2^53 may lose their last digits, like
 * everywhere in JavaScript; it is told where. Called on every request body.
 */
import { scanJson } from './json-scanner.js';

/** How deep a text may nest: deeper than any object, shallower than the stack. */
export const maxJsonDepth = 1000;

/** A text that is no JSON; the message has the line and the column. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  readonly line: number;
  readonly column: number;

  constructor(problem: string, { line, column }: { readonly line: number; readonly column: number }) {
    super(`${problem} (line ${line}, column ${column})`);
    this.line = line;
    this.column = column;
  }
}

export interface ParsedJson {
  readonly value: unknown;
  /** Paths of fields that occur more than once, such as `spec.foo` or `spec.list[0].name`; sorted by position. */
  readonly duplicates: string[];
  /** Paths of integers whose last digits were lost. */
  readonly inexact: string[];
}

/** Parses a JSON text. @throws JsonSyntaxError */
export function parseJsonStrict(text: string): ParsedJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    scan(text);
    throw error;
  }
  const keys = countKeys(value, 0);
  if (keys < 0) throw new JsonSyntaxError(`exceeded max depth of ${maxJsonDepth}`, { line: 1, column: 1 });
  if (keys === countKeysInText(text) && !longNumber.test(text)) return { value, duplicates: [], inexact: [] };
  return { value, ...scan(text) };
}

/** Where a number may stand that JavaScript cannot hold; text of the same look costs a scan, too. */
const longNumber = /\d{16}|\d[eE]\+?\d{3}/;

function scan(text: string): { duplicates: string[]; inexact: string[] } {
  const { duplicates, inexact, problem } = scanJson(text, { maxDepth: maxJsonDepth });
  if (problem === undefined) return { duplicates, inexact };
  const before = text.slice(0, problem.offset);
  const line = before.split('\n').length;
  throw new JsonSyntaxError(problem.message, { line, column: problem.offset - before.lastIndexOf('\n') });
}

/** Keys in all objects of the value; negative when it nests too deep. */
function countKeys(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth >= maxJsonDepth) return Number.NEGATIVE_INFINITY;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') count += countKeys(item, depth + 1);
    return count;
  }
  const map = value as Record<string, unknown>; // JSON.parse gives nothing else
  const keys = Object.keys(map);
  count = keys.length;
  for (const key of keys) {
    const child = map[key];
    if (typeof child === 'object') count += countKeys(child, depth + 1);
  }
  return count;
}

const backslash = 0x5c;
const colon = 0x3a;

/** Strings that are followed by a colon, in a text that is known to be valid. */
function countKeysInText(text: string): number {
  let count = 0;
  let at = text.indexOf('"');
  while (at >= 0) {
    let end = text.indexOf('"', at + 1);
    while (text.charCodeAt(end - 1) === backslash && isEscaped(text, end)) end = text.indexOf('"', end + 1);
    let next = end + 1;
    let code = text.charCodeAt(next);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = text.charCodeAt(++next);
    if (code === colon) count++;
    at = text.indexOf('"', next);
  }
  return count;
}

/** True when an odd number of backslashes stands before the quote. */
function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === backslash) slashes++;
  return slashes % 2 === 1;
}
