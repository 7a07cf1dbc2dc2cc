/**
 * YAML as kubectl reads and prints it: YAML 1.1 (`yes` is true, `017` is 15, `<<` merges), but timestamps and
 * base-60 numbers stay text. Every document is returned as a fresh JSON value; what JSON cannot say (infinities,
 * binary) is refused. Called by the server for `application/yaml` bodies and by the commands for files.
 */
import { Composer, type CST, Document, LineCounter, Parser, type Tags, visit } from 'yaml';
import { type JsonObject, setKey } from '../json.js';
import { parseJsonStrict } from './json.js';

/** A text that is no YAML, or no JSON-compatible YAML; the message has the line and the column where known. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

/**
 * How deep lists and maps may nest. What makes values of a text, and text of values, calls itself once for each level:
 * far below the depth at which the stack ends, which not every Node survives.
 */
const maxYamlDepth = 500;

export interface YamlOptions {
  /** Told the path of each integer whose last digits a number of JavaScript cannot keep. */
  readonly onInexact?: (path: string) => void;
}

/** All documents of the text; empty ones are left out. @throws YamlError */
export function parseYaml(text: string, { onInexact = () => undefined }: YamlOptions = {}): unknown[] {
  const json = parseAsJson(text, onInexact);
  if (json !== undefined) return json;
  const lineCounter = new LineCounter();
  const composer = new Composer({
    version: '1.1',
    customTags: kubectlTags,
    lineCounter,
    intAsBigInt: true,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const documents = composer.compose(boundedTokens(text, lineCounter));
  const values: unknown[] = [];
  for (const document of documents) {
    const error = document.errors[0];
    if (error !== undefined) throw new YamlError(located(error.message, lineCounter.linePos(error.pos[0])));
    let value: unknown;
    try {
      value = document.toJS();
    } catch (failure) {
      if (!(failure instanceof Error)) throw failure;
      throw new YamlError(`yaml: ${failure.message}`, { cause: failure });
    }
    if (value !== null && value !== undefined) values.push(toJson(value, { path: '', depth: 0, onInexact }));
  }
  return values;
}

/** The tokens of each document, which the parser finds without calling itself. @throws YamlError */
function* boundedTokens(text: string, lineCounter: LineCounter): Generator<CST.Token> {
  for (const token of new Parser(lineCounter.addNewLine).parse(text)) {
    if (isDeeper(token, maxYamlDepth, innerTokens)) {
      throw new YamlError(`yaml: exceeded max depth of ${maxYamlDepth}`);
    }
    yield token;
  }
}

function innerTokens(token: CST.Token): readonly (CST.Token | null | undefined)[] {
  if (token.type === 'document') return [token.value];
  return 'items' in token ? token.items.flatMap(({ key, value }) => [key, value]) : [];
}

/** Whether something nests deeper than that; takes no stack of its own. */
function isDeeper<T>(
  root: T,
  limit: number,
  innerOf: (one: T) => readonly (T | null | undefined)[],
): boolean {
  const open: { readonly one: T; readonly depth: number }[] = [{ one: root, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.depth > limit) return true;
    for (const inner of innerOf(next.one)) {
      if (inner !== undefined && inner !== null) open.push({ one: inner, depth: next.depth + 1 });
    }
  }
  return false;
}

/** The reference's YAML has no base-60 numbers and reads times as text; binary and sets are no JSON. */
function kubectlTags(tags: Tags): Tags {
  const dropped = new Set(
    ['timestamp', 'binary', 'omap', 'pairs', 'set'].map((name) => `tag:yaml.org,2002:${name}`),
  );
  return tags.filter((tag) => {
    if (typeof tag === 'string') return true;
    return !dropped.has(tag.tag) && !('format' in tag && tag.format === 'TIME');
  });
}

/** JSON is the common case and much faster to read. Undefined when the text is something else. */
function parseAsJson(text: string, onInexact: (path: string) => void): unknown[] | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const { value, duplicates, inexact } = parseJsonStrict(text);
  if (duplicates.length > 0)
    throw new YamlError(`yaml: key ${JSON.stringify(duplicates[0])} is already set in map`);
  for (const path of inexact) onInexact(path);
  return [value];
}

function located(problem: string, { line, col }: { readonly line: number; readonly col: number }): string {
  const sentence = problem.split('\n', 1)[0]?.replace(/[.:]$/, '') ?? problem;
  return `yaml: line ${line}, column ${col}: ${sentence}`;
}

interface Place {
  readonly path: string;
  readonly depth: number;
  readonly onInexact: (path: string) => void;
}

/** A fresh tree, so that aliases do not share objects that are changed in place later. */
function toJson(value: unknown, { path, depth, onInexact }: Place): unknown {
  // Aliases nest what the text does not.
  if (depth > maxYamlDepth) throw new YamlError(`yaml: exceeded max depth of ${maxYamlDepth}`);
  if (typeof value === 'bigint') {
    const number = toJson(Number(value), { path, depth, onInexact });
    if (BigInt(Number(value)) !== value) onInexact(path);
    return number;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new YamlError(`yaml: ${path === '' ? 'the value' : path} is ${value}, which JSON cannot express`);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    return value.map((item, i) => toJson(item, { path: `${path}[${i}]`, depth: depth + 1, onInexact }));
  }
  const out: JsonObject = {};
  const map = value as JsonObject; // neither null nor array; dates and binary are filtered out as tags
  for (const key of Object.keys(map)) {
    const inner = path === '' ? key : `${path}.${key}`;
    setKey(out, key, toJson(map[key], { path: inner, depth: depth + 1, onInexact }));
  }
  return out;
}

const mergeTag = 'tag:yaml.org,2002:merge';

/** What the printer would leave bare and a reader would take for something else: merges, marks and controls. */
const bareIsWrong = /^<<$|[\p{Cc}\u2028\u2029\ufeff](?<![\t\n])/u;

/**
 * One document, laid out like kubectl's: two spaces, list items level with their key, no line folding. What nests too
 * deep for that is written as JSON, which is YAML as well.
 */
export function stringifyYaml(value: unknown): string {
  if (isDeeper(value, maxYamlDepth, innerValues)) return `${JSON.stringify(value)}\n`;
  const document = new Document(value, {
    version: '1.1',
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || tag.tag !== mergeTag),
    aliasDuplicateObjects: false,
  });
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'string' && bareIsWrong.test(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString({ indentSeq: false, lineWidth: 0 });
}

function innerValues(value: unknown): readonly unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}
