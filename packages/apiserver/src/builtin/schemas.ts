/**
 * Structural schemas of the built-in kinds, made from the type table when first asked for. Equal structures share one
 * schema object, so the whole of Kubernetes costs little. List types, merge keys and component names are carried
 * along for server-side apply, strategic merge patch and OpenAPI. Descriptions are not: the table has none. Nor is
 * `required`: where Go's structures cannot tell absent from empty, a server fills in, and each kind judges emptiness
 * itself; OpenAPI takes the required fields from the table.
 */
import type { Schema } from '@flotilla/api';
import {
  type FieldFacts,
  type FieldType,
  kindStruct,
  mayBeAbsent,
  metaStruct,
  type StructType,
} from './type-table.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const metaRef = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** Components that are not structures of the table. */
const scalarSchemas = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  uint32: { type: 'integer', format: 'int64', minimum: 0 },
  uint64: { type: 'integer', format: 'int64', minimum: 0 },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
  time: { type: 'string', format: 'date-time', 'x-flotilla-ref': `${metaRef}.Time` },
  microTime: { type: 'string', format: 'date-time', 'x-flotilla-ref': `${metaRef}.MicroTime` },
  duration: { type: 'string', 'x-flotilla-ref': `${metaRef}.Duration` },
  fields: {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    'x-flotilla-ref': `${metaRef}.FieldsV1`,
  },
  quantity: {
    'x-kubernetes-int-or-string': true,
    'x-flotilla-ref': 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  },
  intOrString: {
    'x-kubernetes-int-or-string': true,
    'x-flotilla-ref': 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  },
  raw: {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    'x-flotilla-ref': 'io.k8s.apimachinery.pkg.runtime.RawExtension',
  },
  json: { 'x-kubernetes-preserve-unknown-fields': true },
} as const satisfies Record<string, Schema>;

/** Structures that contain themselves, or whose JSON is not their fields. */
const openStructs: ReadonlySet<string> = new Set(['apiextensions/v1.JSONSchemaProps']);

const schemas = new Map<StructType, Schema>();
const byRef = new Map<string, StructType>();

/** The names of a component's required fields, for publication only; empty for components not made from a structure. */
export function requiredFields(ref: string): readonly string[] {
  const struct = byRef.get(ref);
  return struct === undefined ? [] : requiredOf(struct).sort();
}

function requiredOf({ fields }: StructType): string[] {
  return fields.flatMap((field) => {
    if (field.inline && field.type.is === 'struct') return requiredOf(field.type.struct);
    return field.required ? [field.name] : [];
  });
}

/** The schema of a structure; the same object each time. */
export function structSchema(struct: StructType): Schema {
  const known = schemas.get(struct);
  if (known !== undefined) return known;
  const schema = openStructs.has(`${struct.packageId}.${struct.name}`)
    ? { type: 'object' as const, 'x-kubernetes-preserve-unknown-fields': true, 'x-flotilla-ref': struct.ref }
    : closedSchema(struct);
  schemas.set(struct, schema);
  byRef.set(struct.ref, struct);
  return schema;
}

function closedSchema(struct: StructType): Schema {
  const properties: Record<string, Schema> = {};
  collect(struct, properties);
  return {
    type: 'object',
    properties,
    ...(struct.atomic && { 'x-kubernetes-map-type': 'atomic' as const }),
    'x-flotilla-ref': struct.ref,
  };
}

function collect(struct: StructType, into: Record<string, Schema>): void {
  for (const field of struct.fields) {
    if (field.inline && field.type.is === 'struct') {
      collect(field.type.struct, into);
      continue;
    }
    into[field.name] = fieldSchema(field);
  }
}

function fieldSchema(field: FieldFacts): Schema {
  const schema: Writable<Schema> = { ...typeSchema(field.type) };
  if (isWrittenAsNull(field)) schema.nullable = true;
  if (field.listType !== undefined) schema['x-kubernetes-list-type'] = field.listType;
  if (field.listMapKeys !== undefined) schema['x-kubernetes-list-map-keys'] = field.listMapKeys;
  if (field.mapType !== undefined) schema['x-kubernetes-map-type'] = field.mapType;
  if (field.patchStrategy !== undefined) schema['x-kubernetes-patch-strategy'] = field.patchStrategy;
  if (field.patchMergeKey !== undefined) schema['x-kubernetes-patch-merge-key'] = field.patchMergeKey;
  // A default that is Go's zero value would only make stored objects longer.
  if (field.default !== undefined && field.default !== '' && field.default !== 0 && field.default !== false) {
    schema.default = field.default;
  }
  return schema;
}

/** Go writes an empty list, map, pointer or time as null where the field may not be left out. */
function isWrittenAsNull(field: FieldFacts): boolean {
  if (mayBeAbsent(field)) return false;
  const { type, pointer } = field;
  if (type.is === 'scalar') return pointer || ['time', 'microTime', 'raw', 'fields'].includes(type.name);
  return pointer || type.is !== 'struct';
}

function typeSchema(type: FieldType): Schema {
  switch (type.is) {
    case 'scalar':
      return type.values === undefined
        ? scalarSchemas[type.name]
        : { ...scalarSchemas[type.name], enum: type.values };
    case 'list':
      return { type: 'array', items: typeSchema(type.items) };
    case 'map':
      return { type: 'object', additionalProperties: typeSchema(type.values) };
    case 'struct':
      return structSchema(type.struct);
  }
}

const kinds = new Map<string, Schema>();

/**
 * The schema of a built-in kind, metadata and all.
 * @throws Error when the type table has no such kind (a programmer's mistake).
 */
export function builtinSchema(group: string, version: string, kind: string): Schema {
  const key = `${group}/${version}/${kind}`;
  const known = kinds.get(key);
  if (known !== undefined) return known;
  const struct = kindStruct(group, version, kind);
  if (struct === undefined) throw new Error(`no built-in kind ${kind} in ${group}/${version}`);
  const { properties, ...rest } = structSchema(struct);
  const { default: _, ...metadata } = structSchema(metaStruct('ObjectMeta'));
  const schema: Schema = {
    ...rest,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      ...properties,
      ...(properties?.['metadata'] !== undefined && { metadata }),
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
  };
  kinds.set(key, schema);
  return schema;
}
