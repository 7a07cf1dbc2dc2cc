/**
 * The definitions of a Swagger 2 document as protobuf: names, types, references, descriptions, required fields and
 * extensions. Bounds and patterns are left out: no client that reads this form checks them. Pure; called by v2.ts.
 */
import { isObject, type JsonObject } from '@flotilla/api';
import { message, text } from './wire-writer.js';

/** Definitions{1: NamedSchema}. Field numbers are those of gnostic's OpenAPIv2.proto. */
export function encodeDefinitions(definitions: JsonObject): Buffer[] {
  return namedSchemas(definitions);
}

/** NamedSchema{1 name, 2 value}, each in field 1. */
function namedSchemas(schemas: JsonObject): Buffer[] {
  return Object.entries(schemas).map(([name, schema]) =>
    message(1, [text(1, name), message(2, schemaFields(schema as JsonObject))]),
  ); // what the component collector made
}

function schemaFields(schema: JsonObject): Buffer[] {
  const fields: Buffer[] = [];
  const { type, items, properties, additionalProperties, allOf, required } = schema;
  for (const [field, name] of [
    [1, '$ref'],
    [2, 'format'],
    [3, 'title'],
    [4, 'description'],
  ] as const) {
    const value = schema[name];
    if (typeof value === 'string' && value !== '') fields.push(text(field, value));
  }
  if (Array.isArray(required)) for (const name of required) fields.push(text(19, String(name)));
  if (isObject(additionalProperties)) {
    fields.push(message(21, [message(1, schemaFields(additionalProperties))]));
  }
  // A list without items would make clients refuse the whole document.
  if (typeof type === 'string' && (type !== 'array' || isObject(items)))
    fields.push(message(22, [text(1, type)]));
  if (isObject(items)) fields.push(message(23, [message(1, schemaFields(items))]));
  if (Array.isArray(allOf)) {
    for (const part of allOf) if (isObject(part)) fields.push(message(24, schemaFields(part)));
  }
  if (isObject(properties)) fields.push(message(25, namedSchemas(properties)));
  for (const [name, value] of Object.entries(schema)) {
    if (name.startsWith('x-'))
      fields.push(message(31, [text(1, name), message(2, [text(2, yamlOf(value))])]));
  }
  return fields;
}

/** JSON is YAML; block style is what gnostic itself writes. */
export function yamlOf(value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => `- ${JSON.stringify(item)}\n`).join('');
  if (!isObject(value)) return `${String(value)}\n`;
  return Object.entries(value)
    .map(([key, item]) => `${key}: ${JSON.stringify(item)}\n`)
    .join('');
}
