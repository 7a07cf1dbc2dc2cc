/**
 * YAML as kubectl reads and prints it: YAML 1.1 (`yes` is true, `017` is 15, `<<` merges), but timestamps and
 * base-60 numbers stay text. Every document is returned as a fresh JSON value; what JSON cannot say (infinities,
 * binary) is refused. Called by the server for `application/yaml` bodies and by the commands for files.
 */
import { Document, LineCounter, parseAllDocuments, type Tags, visit } from 'yaml';
import { type JsonObject, setKey } from '../json.js';
import { parseJsonStrict } from './json.js';

/** A text that is no YAML, or no JSON-compatible YAML; the message has the line and the column where known. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
}

/** All documents of the text; empty ones are left out. @throws YamlError */
export function parseYaml(text: string): unknown[] {
  const json = parseAsJson(text);
  if (json !== undefined) return json;
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, {
    version: '1.1',
    customTags: kubectlTags,
    lineCounter,
    prettyErrors: false,
    logLevel: 'silent',
  });
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
    if (value !== null && value !== undefined) values.push(toJson(value, { path: '', depth: 0 }));
  }
  return values;
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
function parseAsJson(text: string): unknown[] | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const { value, duplicates } = parseJsonStrict(text);
  if (duplicates.length > 0)
    throw new YamlError(`yaml: key ${JSON.stringify(duplicates[0])} is already set in map`);
  return [value];
}

function located(problem: string, { line, col }: { readonly line: number; readonly col: number }): string {
  const sentence = problem.split('\n', 1)[0]?.replace(/[.:]$/, '') ?? problem;
  return `yaml: line ${line}, column ${col}: ${sentence}`;
}

/** A fresh tree, so that aliases do not share objects that are changed in place later. */
function toJson(value: unknown, { path, depth }: { readonly path: string; readonly depth: number }): unknown {
  if (depth > 1000) throw new YamlError('yaml: exceeded max depth of 1000');
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new YamlError(`yaml: ${path === '' ? 'the value' : path} is ${value}, which JSON cannot express`);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    return value.map((item, i) => toJson(item, { path: `${path}[${i}]`, depth: depth + 1 }));
  }
  const out: JsonObject = {};
  const map = value as JsonObject; // neither null nor array; dates and binary are filtered out as tags
  for (const key of Object.keys(map)) {
    setKey(out, key, toJson(map[key], { path: path === '' ? key : `${path}.${key}`, depth: depth + 1 }));
  }
  return out;
}

const mergeTag = 'tag:yaml.org,2002:merge';

/** What the printer would leave bare and a reader would take for something else: merges, marks and controls. */
const bareIsWrong = /^<<$|[\p{Cc}\u2028\u2029\ufeff](?<![\t\n])/u;

/** One document, laid out like kubectl's: two spaces, list items level with their key, no line folding. */
export function stringifyYaml(value: unknown): string {
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
