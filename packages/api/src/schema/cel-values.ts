/**
 * Turns JSON into what CEL rules see, guided by the schema: integers become BigInt, formatted strings become times,
 * durations or bytes, names that CEL could not spell are escaped, and content that the schema does not declare is
 * invisible. Called by cel-rules.
 */
import { isObject, type JsonObject } from '../json.js';
import { celLibrary } from './cel-runtime.js';
import type { SchemaNode } from './compile.js';
import { isFormat } from './formats.js';

type DurationReader = (variables: { readonly text: string }) => unknown;

let durationReader: DurationReader | undefined;

function toDuration(text: string): unknown {
  durationReader ??= celLibrary().parse('duration(text)');
  return durationReader({ text });
}

/** The CEL value of a JSON value. `resource` marks the root of an object, whose metadata shows its name only. */
export function toCelValue(value: unknown, node: SchemaNode | undefined, resource = false): unknown {
  switch (typeof value) {
    case 'number':
      return toCelNumber(value, node);
    case 'string':
      return toCelString(value, node?.schema.format);
    case 'object':
      if (value === null) return null;
      if (Array.isArray(value)) return value.map((item) => toCelValue(item, node?.items));
      return isObject(value) ? toCelMap(value, node, resource || node?.embedded === true) : null;
    default:
      return value;
  }
}

function toCelNumber(value: number, node: SchemaNode | undefined): unknown {
  if (node?.schema.type === 'number') return value;
  return Number.isInteger(value) ? BigInt(value) : value;
}

function toCelString(value: string, format: string | undefined): unknown {
  switch (format) {
    case 'date':
    case 'date-time':
    case 'datetime':
      return isFormat(format, value) ? new Date(value) : value;
    case 'duration':
      return /^-?(?:\d|\.)[\d.a-zµ]*$/.test(value) ? toDuration(value) : value;
    case 'byte':
      return isFormat(format, value) ? new Uint8Array(Buffer.from(value, 'base64')) : value;
    default:
      return value;
  }
}

function toCelMap(map: JsonObject, node: SchemaNode | undefined, resource: boolean): unknown {
  const out = Object.create(null) as JsonObject; // null prototype: any key is an own key
  const free = node === undefined || node.additionalAny;
  for (const key of Object.keys(map)) {
    if (resource && key === 'metadata') {
      out['metadata'] = toCelMetadata(map[key]);
      continue;
    }
    const property = node?.properties.get(key);
    if (property !== undefined) {
      const name = escapeCelName(key);
      if (name !== undefined) out[name] = toCelValue(map[key], property);
    } else if (resource && (key === 'apiVersion' || key === 'kind')) {
      out[key] = map[key];
    } else if (node?.additional !== undefined || free) {
      out[key] = toCelValue(map[key], node?.additional);
    }
  }
  return out;
}

function toCelMetadata(metadata: unknown): unknown {
  const out = Object.create(null) as JsonObject; // as above
  if (!isObject(metadata)) return out;
  for (const key of ['name', 'generateName']) if (Object.hasOwn(metadata, key)) out[key] = metadata[key];
  return out;
}

const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

const names = new Map<string, string | undefined>();

/** The name by which a rule reads the property, or undefined when no escape makes it a CEL identifier. */
export function escapeCelName(key: string): string | undefined {
  if (names.has(key)) return names.get(key);
  const name = computeName(key);
  // Property names come from schemas, so this stays as small as the schemas are.
  names.set(key, name);
  return name;
}

function computeName(key: string): string | undefined {
  if (reserved.has(key)) return `__${key}__`;
  const escaped = key
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped) ? escaped : undefined;
}
