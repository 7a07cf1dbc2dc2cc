/**
 * A small language in which a kind is written once. Each function returns a plain structural `Schema`
 * (nothing is added at run time), and carries the TypeScript type of the values it describes, read with `Infer`.
 * Options are the schema's own keywords. A field is optional unless it is wrapped in `required`.
 * It does not check what it is given: `validateStructuralSchema` does. Called by the kinds of this package.
 */
import type { JsonObject } from '../json.js';
import type { ObjectMeta } from '../object.js';
import type { Schema } from './schema.js';

declare const described: unique symbol;

/** A schema that knows the type it describes. The symbol exists in types only. */
export interface TypedSchema<T> extends Schema {
  readonly [described]?: T;
}

/** The TypeScript type of the values that a schema describes. */
export type Infer<S> = S extends { readonly [described]?: infer T } ? T : never;

/** A field that must be present. Made by `required`, taken by `obj`. */
export class RequiredField<T> {
  readonly schema: TypedSchema<T>;

  constructor(schema: TypedSchema<T>) {
    this.schema = schema;
  }
}

/** The fields of an object by name. */
export type Fields = Readonly<Record<string, TypedSchema<unknown> | RequiredField<unknown>>>;

type RequiredNames<F extends Fields> = {
  [K in keyof F]: F[K] extends RequiredField<unknown> ? K : never;
}[keyof F];

type Flatten<T> = { [K in keyof T]: T[K] };

/** The object type that a set of fields describes. */
export type ObjectOf<F extends Fields> = Flatten<
  { [K in RequiredNames<F>]: F[K] extends RequiredField<infer T> ? T : never } & {
    [K in Exclude<keyof F, RequiredNames<F>>]?: Infer<F[K]>;
  }
>;

/** What every schema may say. A default must be a value of the type. */
export type CommonOptions<T> = Pick<
  Schema,
  'title' | 'description' | 'example' | 'x-kubernetes-validations'
> & {
  readonly default?: T;
};

export type StringOptions<T = string> = CommonOptions<T> &
  Pick<Schema, 'format' | 'pattern' | 'minLength' | 'maxLength'>;

export type NumberOptions = CommonOptions<number> &
  Pick<Schema, 'minimum' | 'maximum' | 'exclusiveMinimum' | 'exclusiveMaximum' | 'multipleOf'>;

export type ListOptions<T> = CommonOptions<T[]> & Pick<Schema, 'minItems' | 'maxItems'>;

export type ObjectOptions<T> = CommonOptions<T> &
  Pick<
    Schema,
    | 'minProperties'
    | 'maxProperties'
    | 'x-kubernetes-map-type'
    | 'x-kubernetes-preserve-unknown-fields'
    | 'x-kubernetes-embedded-resource'
  >;

/** An object embedded in another; its other fields are kept whatever they are. */
export type EmbeddedResource = {
  apiVersion: string;
  kind: string;
  metadata?: ObjectMeta;
  [field: string]: unknown;
};

/** Marks a field of `obj` as one that must be present. */
export function required<T>(schema: TypedSchema<T>): RequiredField<T> {
  return new RequiredField(schema);
}

/** An object with exactly these fields. */
export function obj<F extends Fields>(
  fields: F,
  options: ObjectOptions<ObjectOf<F>> = {},
): TypedSchema<ObjectOf<F>> {
  const properties: Record<string, Schema> = {};
  const names: string[] = [];
  for (const [name, field] of Object.entries(fields)) {
    if (field instanceof RequiredField) {
      names.push(name);
      properties[name] = field.schema;
    } else {
      properties[name] = field;
    }
  }
  return { type: 'object', ...options, ...(names.length > 0 && { required: names.sort() }), properties };
}

/** An object with any keys and values of one type. */
export function mapOf<T>(
  value: TypedSchema<T>,
  options: ObjectOptions<Record<string, T>> = {},
): TypedSchema<Record<string, T>> {
  return { type: 'object', ...options, additionalProperties: value };
}

/** An object about whose fields nothing is said. */
export function anyObject(options: CommonOptions<JsonObject> = {}): TypedSchema<JsonObject> {
  return { type: 'object', ...options, 'x-kubernetes-preserve-unknown-fields': true };
}

/** A whole Kubernetes object of any kind. */
export function embeddedResource(
  options: CommonOptions<EmbeddedResource> = {},
): TypedSchema<EmbeddedResource> {
  return {
    type: 'object',
    ...options,
    'x-kubernetes-embedded-resource': true,
    'x-kubernetes-preserve-unknown-fields': true,
  };
}

export function str(options: StringOptions = {}): TypedSchema<string> {
  return { type: 'string', ...options };
}

/** One of a closed set of strings. */
export function enumOf<const V extends string>(
  values: readonly V[],
  options: CommonOptions<NoInfer<V>> = {},
): TypedSchema<V> {
  return { type: 'string', ...options, enum: values };
}

/** RFC 3339 time, as text. */
export function dateTime(options: CommonOptions<string> = {}): TypedSchema<string> {
  return { type: 'string', ...options, format: 'date-time' };
}

/** Base64 text. */
export function bytes(options: CommonOptions<string> = {}): TypedSchema<string> {
  return { type: 'string', ...options, format: 'byte' };
}

export function int(options: NumberOptions = {}): TypedSchema<number> {
  return { type: 'integer', ...options, format: 'int32' };
}

/** Above 2^53 a JavaScript number is not exact. */
export function int64(options: NumberOptions = {}): TypedSchema<number> {
  return { type: 'integer', ...options, format: 'int64' };
}

export function bool(options: CommonOptions<boolean> = {}): TypedSchema<boolean> {
  return { type: 'boolean', ...options };
}

/** A whole number or a string, for example `5` or `"25%"`. */
export function intOrString(
  options: CommonOptions<number | string> & Pick<Schema, 'pattern'> = {},
): TypedSchema<number | string> {
  return {
    ...options,
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    'x-kubernetes-int-or-string': true,
  };
}

const quantityPattern =
  '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$';

/** A resource quantity such as `500m` or `16Gi`. */
export function quantity(options: CommonOptions<number | string> = {}): TypedSchema<number | string> {
  return intOrString({ ...options, pattern: quantityPattern });
}

/** A list that is one value: an apply replaces it whole. */
export function list<T>(items: TypedSchema<T>, options: ListOptions<T> = {}): TypedSchema<T[]> {
  return { type: 'array', ...options, items };
}

/** A list whose items are told apart by the named fields. */
export function listMap<T>(
  items: TypedSchema<T>,
  options: ListOptions<T> & { readonly keys: readonly (keyof T & string)[] },
): TypedSchema<T[]> {
  const { keys, ...rest } = options;
  return {
    type: 'array',
    ...rest,
    items,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': keys,
  };
}

/** A list without repeats. */
export function listSet<T extends string | number | boolean>(
  items: TypedSchema<T>,
  options: ListOptions<T> = {},
): TypedSchema<T[]> {
  return { type: 'array', ...options, items, 'x-kubernetes-list-type': 'set' };
}

/** The list, marked atomic in so many words. */
export function atomic<T>(schema: TypedSchema<T[]>): TypedSchema<T[]> {
  return { ...schema, 'x-kubernetes-list-type': 'atomic' };
}

/** The same, or null. */
export function nullable<T>(schema: TypedSchema<T>): TypedSchema<T | null> {
  return { ...schema, nullable: true };
}
