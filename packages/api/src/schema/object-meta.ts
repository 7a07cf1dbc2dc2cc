/**
 * ObjectMeta as a typed structure: which fields it has and of what type. Unknown fields are dropped and reported,
 * fields of a wrong type are named in the words of the reference's decoder (a 400), or dropped in embedded objects.
 * It does not judge values (name syntax, label syntax): the registry does. Called by pruning and by the write path.
 */
import { isObject, type JsonObject } from '../json.js';

/** A Go type as far as decoding cares; `name` is how the reference's decoder prints it. */
type Shape =
  | { readonly kind: 'string' | 'integer' | 'boolean' | 'time' | 'any'; readonly name: string }
  | { readonly kind: 'map' | 'list'; readonly name: string; readonly of: Shape }
  | { readonly kind: 'struct'; readonly name: string; readonly fields: ReadonlyMap<string, Shape> };

const text: Shape = { kind: 'string', name: 'string' };
const int64: Shape = { kind: 'integer', name: 'int64' };
const flag: Shape = { kind: 'boolean', name: 'bool' };
const time: Shape = { kind: 'time', name: 'v1.Time' };
const texts: Shape = { kind: 'map', name: 'map[string]string', of: text };

const ownerReference = struct('v1.OwnerReference', {
  apiVersion: text,
  kind: text,
  name: text,
  uid: { kind: 'string', name: 'types.UID' },
  controller: flag,
  blockOwnerDeletion: flag,
});

const managedFieldsEntry = struct('v1.ManagedFieldsEntry', {
  manager: text,
  operation: { kind: 'string', name: 'v1.ManagedFieldsOperationType' },
  apiVersion: text,
  time,
  fieldsType: text,
  fieldsV1: { kind: 'any', name: 'v1.FieldsV1' },
  subresource: text,
});

const objectMeta = struct('v1.ObjectMeta', {
  name: text,
  generateName: text,
  namespace: text,
  selfLink: text,
  uid: { kind: 'string', name: 'types.UID' },
  resourceVersion: text,
  generation: int64,
  creationTimestamp: time,
  deletionTimestamp: time,
  deletionGracePeriodSeconds: int64,
  labels: texts,
  annotations: texts,
  ownerReferences: { kind: 'list', name: '[]v1.OwnerReference', of: ownerReference },
  finalizers: { kind: 'list', name: '[]string', of: text },
  managedFields: { kind: 'list', name: '[]v1.ManagedFieldsEntry', of: managedFieldsEntry },
});

function struct(name: string, fields: Readonly<Record<string, Shape>>): Shape {
  return { kind: 'struct', name, fields: new Map(Object.entries(fields)) };
}

/**
 * Drops in place the fields that ObjectMeta does not have, and returns their paths. Explicit nulls, which decode to
 * nothing, are dropped silently; those in maps and lists become the empty value of their type. With `coerce`, fields
 * of a wrong type are dropped silently too (embedded resources).
 */
export function pruneObjectMeta(
  metadata: unknown,
  { path = 'metadata', coerce = false }: { readonly path?: string; readonly coerce?: boolean } = {},
): string[] {
  const dropped: string[] = [];
  if (isObject(metadata)) pruneStruct(metadata, { shape: objectMeta, path, coerce, dropped });
  return dropped;
}

interface Place {
  readonly shape: Shape;
  readonly path: string;
  readonly coerce: boolean;
  readonly dropped: string[];
}

function pruneStruct(value: JsonObject, { shape, path, coerce, dropped }: Place): void {
  if (shape.kind !== 'struct') return;
  for (const key of Object.keys(value)) {
    const field = shape.fields.get(key);
    if (field === undefined) {
      dropped.push(`${path}.${key}`);
      delete value[key];
    } else if (value[key] === null) {
      delete value[key];
    } else if (coerce && mismatch(value[key], field, key) !== undefined) {
      delete value[key];
    } else if (field.kind === 'map' || field.kind === 'list') {
      settleNulls(value[key], field.of);
      const list = value[key];
      if (field.of.kind !== 'struct' || !Array.isArray(list)) continue;
      list.forEach((item, i) => {
        if (isObject(item)) {
          pruneStruct(item, { shape: field.of, path: `${path}.${key}[${i}]`, coerce, dropped });
        }
      });
    }
  }
}

/** A null in a map or list decodes to the empty value of its type. */
function settleNulls(container: unknown, { kind }: Shape): void {
  if (typeof container !== 'object' || container === null) return;
  for (const [key, item] of Object.entries(container)) {
    if (item === null) Object.assign(container, { [key]: kind === 'struct' ? {} : '' });
  }
}

/**
 * The first field of metadata that has a wrong type, in the decoder's words (`json: cannot unmarshal number into Go
 * struct field ObjectMeta.metadata.name of type string`), or undefined when all decode. The caller answers 400.
 */
export function validateObjectMeta(metadata: unknown): string | undefined {
  if (metadata === undefined || metadata === null) return undefined;
  const wrong = mismatch(metadata, objectMeta, 'metadata');
  if (wrong === undefined) return undefined;
  if (wrong.syntax !== undefined) return wrong.syntax;
  return `json: cannot unmarshal ${wrong.found} into Go struct field ObjectMeta.${wrong.field} of type ${wrong.type}`;
}

interface Mismatch {
  readonly found: string;
  readonly field: string;
  readonly type: string;
  /** Set when the type is right but the text is no time. */
  readonly syntax?: string;
}

function mismatch(value: unknown, shape: Shape, field: string): Mismatch | undefined {
  if (value === null || value === undefined || shape.kind === 'any') return undefined;
  const wrong: Mismatch = { found: jsonKind(value), field, type: shape.name };
  switch (shape.kind) {
    case 'string':
      return typeof value === 'string' ? undefined : wrong;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : wrong;
    case 'integer':
      if (typeof value === 'number' && !Number.isInteger(value))
        return { ...wrong, found: `number ${value}` };
      return typeof value === 'number' ? undefined : wrong;
    case 'time':
      if (typeof value !== 'string') return { ...wrong, type: 'string' };
      return isRfc3339(value) ? undefined : { ...wrong, syntax: timeError(value) };
    case 'map':
      if (!isObject(value)) return wrong;
      return firstMismatch(Object.values(value), shape.of, field);
    case 'list':
      if (!Array.isArray(value)) return wrong;
      return firstMismatch(value, shape.of, field);
    case 'struct': {
      if (!isObject(value)) return wrong;
      for (const [key, member] of shape.fields) {
        if (!Object.hasOwn(value, key)) continue;
        const found = mismatch(value[key], member, `${field}.${key}`);
        if (found !== undefined) return found;
      }
      return undefined;
    }
  }
}

function firstMismatch(values: readonly unknown[], shape: Shape, field: string): Mismatch | undefined {
  for (const value of values) {
    const found = mismatch(value, shape, field);
    if (found !== undefined) return found;
  }
  return undefined;
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}

const rfc3339 = /^\d{4}-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,]\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

function isRfc3339(value: string): boolean {
  return rfc3339.test(value) && !Number.isNaN(Date.parse(value.replace(',', '.')));
}

function timeError(value: string): string {
  const quoted = JSON.stringify(value);
  return `parsing time ${quoted} as "2006-01-02T15:04:05Z07:00": cannot parse ${quoted} as a time`;
}
