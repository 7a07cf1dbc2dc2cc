/**
 * Checks that the keywords of a schema hold values of the right JSON type, so that everything after may rely on it.
 * Called by structural.ts on each node, because schemas come from users.
 */
import { isObject, type JsonObject } from '../json.js';
import type { FieldError } from '../status.js';
import { typeInvalid } from './field-errors.js';
import { jsonType } from './validate.js';

const byType: Readonly<Record<string, readonly string[]>> = {
  string: [
    'type',
    'format',
    'title',
    'description',
    'pattern',
    'x-kubernetes-list-type',
    'x-kubernetes-map-type',
  ],
  boolean: [
    'nullable',
    'exclusiveMinimum',
    'exclusiveMaximum',
    'uniqueItems',
    'x-kubernetes-preserve-unknown-fields',
    'x-kubernetes-embedded-resource',
    'x-kubernetes-int-or-string',
  ],
  number: ['minimum', 'maximum', 'multipleOf'],
  integer: ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'],
  array: [
    'enum',
    'required',
    'x-kubernetes-list-map-keys',
    'allOf',
    'anyOf',
    'oneOf',
    'x-kubernetes-validations',
  ],
  object: ['properties', 'not'],
};

const keywords = new Map(
  Object.entries(byType).flatMap(([type, keys]) => keys.map((key) => [key, type] as const)),
);

const ruleTexts = ['rule', 'message', 'messageExpression', 'reason', 'fieldPath'];

/** True when every keyword has the type it must have; appends what has not. */
export function checkShape(
  schema: JsonObject,
  { path, errors }: { readonly path: string; readonly errors: FieldError[] },
): boolean {
  const before = errors.length;
  const expect = (at: string, value: unknown, type: string): void => {
    const actual = jsonType(value);
    if (actual === type || (type === 'number' && actual === 'integer')) return;
    const detail = `${at} in body must be of type ${type}: ${JSON.stringify(actual)}`;
    errors.push(typeInvalid(at, actual, detail));
  };
  for (const key of Object.keys(schema)) {
    const type = keywords.get(key);
    if (type !== undefined) expect(`${path}.${key}`, schema[key], type);
  }
  if (errors.length > before) return false;
  for (const key of ['required', 'x-kubernetes-list-map-keys']) {
    listOf(schema, key).forEach((each, i) => {
      expect(`${path}.${key}[${i}]`, each, 'string');
    });
  }
  listOf(schema, 'x-kubernetes-validations').forEach((rule, i) => {
    const at = `${path}.x-kubernetes-validations[${i}]`;
    if (!isObject(rule)) {
      expect(at, rule, 'object');
      return;
    }
    expect(`${at}.rule`, rule['rule'] ?? '', 'string');
    for (const key of ruleTexts) if (Object.hasOwn(rule, key)) expect(`${at}.${key}`, rule[key], 'string');
    if (Object.hasOwn(rule, 'optionalOldSelf'))
      expect(`${at}.optionalOldSelf`, rule['optionalOldSelf'], 'boolean');
  });
  return errors.length === before;
}

function listOf(schema: JsonObject, key: string): readonly unknown[] {
  const value = schema[key];
  return Array.isArray(value) ? value : [];
}
