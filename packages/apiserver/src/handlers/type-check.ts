/**
 * Refuses JSON of the wrong type for built-in kinds, as decoding into a typed structure does (400, before any
 * strategy runs). Custom resources get their type errors from validation (422) instead. Pure.
 */
import { isObject, newBadRequest, type Schema } from '@flotilla/api';

interface CheckContext {
  /** Head of the error text. */
  readonly subject: string;
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Nulls count as absent; in a list of structures they become empty ones, in place, as decoding makes them.
 * @throws StatusError 400 for the first value that cannot be what the schema says.
 */
export function checkTypes(value: unknown, schema: Schema, options: { path: string } & CheckContext): void {
  if (value === null || value === undefined) return;
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (typeof value === 'string' || Number.isInteger(value)) return;
    // A quantity may be written as any number.
    if (typeof value === 'number' && schema['x-flotilla-ref']?.endsWith('.Quantity') === true) return;
    throw wrongType(value, { ...options, type: 'intstr.IntOrString' });
  }
  switch (schema.type) {
    case 'object':
      checkObject(value, schema, options);
      return;
    case 'array':
      if (!Array.isArray(value)) throw wrongType(value, { ...options, type: 'slice' });
      if (schema.items !== undefined) {
        for (const item of value) checkTypes(item, schema.items, options);
        if (schema.items.type === 'object') fillNulls(value);
      }
      return;
    case 'string':
      if (typeof value !== 'string') throw wrongType(value, { ...options, type: 'string' });
      if (schema.format === 'byte' && (!base64.test(value) || value.length % 4 !== 0)) {
        throw newBadRequest(`${options.subject}: ${options.path}: illegal base64 data`);
      }
      return;
    case 'boolean':
      if (typeof value !== 'boolean') throw wrongType(value, { ...options, type: 'bool' });
      return;
    case 'integer':
      if (!Number.isInteger(value)) throw wrongType(value, { ...options, type: schema.format ?? 'int64' });
      return;
    case 'number':
      if (typeof value !== 'number') throw wrongType(value, { ...options, type: 'float64' });
      return;
    default:
  }
}

function fillNulls(list: unknown[]): void {
  list.forEach((item, index) => {
    if (item === null) list[index] = {};
  });
}

function checkObject(value: unknown, schema: Schema, options: { path: string } & CheckContext): void {
  if (!isObject(value)) throw wrongType(value, { ...options, type: 'struct' });
  const { properties, additionalProperties } = schema;
  const rest = typeof additionalProperties === 'object' ? additionalProperties : undefined;
  for (const key of Object.keys(value)) {
    const child = properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : rest;
    if (child === undefined) continue;
    checkTypes(value[key], child, {
      path: options.path === '' ? key : `${options.path}.${key}`,
      subject: options.subject,
    });
  }
}

function wrongType(
  value: unknown,
  { path, subject, type }: { path: string; subject: string; type: string },
): Error {
  return newBadRequest(
    `${subject}: json: cannot unmarshal ${goKind(value)} into Go struct field ${path} of type ${type}`,
  );
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
