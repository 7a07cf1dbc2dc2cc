/**
 * Decides whether a schema is structural, and says what is wrong with it in the words of kube-apiserver: the check
 * that a CustomResourceDefinition passes before it is accepted. A schema that passes can be pruned, defaulted and
 * validated against without surprises: its defaults are valid, its patterns and rules compile. Called by CRD
 * admission and by the tests of our own kinds.
 */
import type { JsonObject } from '../json.js';
import type { FieldError } from '../status.js';
import { maxDepth } from './compile.js';
import { forbidden, invalid, notSupported, required } from './field-errors.js';
import { patternProblem } from './pattern.js';
import { checkRuleDefinitions } from './rule-definitions.js';
import type { Schema } from './schema.js';
import { checkBranches } from './structural-completeness.js';
import { checkDefault, checkListType, checkMapType } from './structural-extensions.js';
import { checkShape } from './structural-shape.js';

export interface StructuralOptions {
  /** Where the schema stands, e.g. `spec.versions[0].schema.openAPIV3Schema`. */
  readonly path?: string;
  /** The version has the status subresource, which restricts what the root may say. */
  readonly hasStatus?: boolean;
}

/** Everything that keeps the schema from being structural; empty for a good one. */
export function validateStructuralSchema(
  schema: Schema,
  { path = 'openAPIV3Schema', hasStatus = false }: StructuralOptions = {},
): FieldError[] {
  const errors: FieldError[] = [];
  if (isSchema(schema)) checkRoot(schema, { path, hasStatus, errors });
  checkNode(schema, { path, errors, level: 'root', depth: 0 });
  // Defaults and rules are judged against the schema, so it must make sense first.
  if (errors.length === 0) checkMeaning(schema, { path, errors, resource: true, correlatable: true });
  return errors;
}

interface Root {
  readonly path: string;
  readonly hasStatus: boolean;
  readonly errors: FieldError[];
}

function checkRoot(schema: Schema, { path, hasStatus, errors }: Root): void {
  if (schema.type !== undefined && schema.type !== 'object') {
    errors.push(invalid(`${path}.type`, schema.type, 'must be object at the root'));
  }
  if (schema.nullable === true)
    errors.push(forbidden(`${path}.nullable`, 'nullable cannot be true at the root'));
  if (!hasStatus) return;
  const allowed = /^(?:properties|required|title|description|example|externalDocs|type|x-kubernetes-.*)$/;
  if (Object.keys(schema).some((key) => !allowed.test(key))) {
    errors.push(
      invalid(
        path,
        schema.type ?? '',
        'only "properties", "required", "title", "description", "example" and "externalDocs" are allowed at the root if the status subresource is enabled',
      ),
    );
  }
}

interface Place {
  readonly path: string;
  readonly errors: FieldError[];
  /** What the node is of its parent; decides the words and, for `junctor`, what is allowed. */
  readonly level: 'root' | 'field' | 'item' | 'junctor';
  readonly depth: number;
}

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

const unsupported = [
  '$ref',
  '$schema',
  'id',
  'definitions',
  'dependencies',
  'patternProperties',
  'additionalItems',
];

function checkNode(schema: Schema, place: Place): void {
  const { path, errors, level, depth } = place;
  if (!isSchema(schema)) {
    errors.push(invalid(path, schema, 'must be a schema'));
    return;
  }
  if (depth > maxDepth / 2) {
    errors.push(invalid(path, '...', 'the schema nests too deep'));
    return;
  }
  if (!checkShape(schema as JsonObject, { path, errors })) return; // a schema read as the JSON it came from
  for (const key of unsupported) {
    if (Object.hasOwn(schema, key)) errors.push(forbidden(`${path}.${key}`, `${key} is not supported`));
  }
  if (schema.uniqueItems === true) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(forbidden(`${path}.uniqueItems`, why));
  }
  checkKeywords(schema, place);
  if (level === 'junctor') checkJunctor(schema, place);
  else checkTypes(schema, place);
  checkChildren(schema, place);
}

/** Schemas come from users, so a node may be anything. */
function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkKeywords(schema: Schema, { path, errors }: Place): void {
  if (schema.type !== undefined && !types.includes(schema.type)) {
    errors.push(notSupported(`${path}.type`, schema.type, types));
  }
  if (schema.pattern !== undefined) {
    const problem = patternProblem(schema.pattern);
    if (problem !== undefined) {
      const detail = `must be a valid regular expression, but isn't: ${problem}`;
      errors.push(invalid(`${path}.pattern`, schema.pattern, detail));
    }
  }
  if (schema.multipleOf !== undefined && schema.multipleOf <= 0) {
    errors.push(invalid(`${path}.multipleOf`, schema.multipleOf, 'must be greater than 0'));
  }
  for (const key of [
    'minLength',
    'maxLength',
    'minItems',
    'maxItems',
    'minProperties',
    'maxProperties',
  ] as const) {
    const bound = schema[key];
    if (bound !== undefined && bound < 0) {
      errors.push(invalid(`${path}.${key}`, bound, 'must be greater than or equal to 0'));
    }
  }
}

/** Inside allOf, anyOf, oneOf and not, a schema may only restrict values. */
function checkJunctor(schema: Schema, { path, errors }: Place): void {
  const map = schema as JsonObject; // only looked at by key
  for (const key of ['description', 'title', 'type']) {
    if (map[key] !== undefined && map[key] !== '')
      errors.push(forbidden(`${path}.${key}`, 'must be empty to be structural'));
  }
  for (const key of ['default', 'additionalProperties']) {
    if (map[key] !== undefined)
      errors.push(forbidden(`${path}.${key}`, 'must be undefined to be structural'));
  }
  for (const key of Object.keys(map)) {
    const flagged = key === 'nullable' || key.startsWith('x-kubernetes-');
    if (flagged && map[key] !== false)
      errors.push(forbidden(`${path}.${key}`, 'must be false to be structural'));
  }
}

function checkTypes(schema: Schema, { path, errors, level }: Place): void {
  const intOrString = schema['x-kubernetes-int-or-string'];
  const preserve = schema['x-kubernetes-preserve-unknown-fields'];
  const embedded = schema['x-kubernetes-embedded-resource'];
  if (schema.type === undefined && (level === 'root' || (intOrString !== true && preserve !== true))) {
    const where = {
      root: 'at the root',
      field: 'for specified object fields',
      item: 'for specified array items',
    };
    errors.push(
      required(`${path}.type`, `must not be empty ${where[level === 'junctor' ? 'field' : level]}`),
    );
  }
  if (intOrString === true && schema.type !== undefined) {
    const detail = 'must be empty if x-kubernetes-int-or-string is true';
    errors.push(invalid(`${path}.type`, schema.type, detail));
  }
  if (preserve === false) {
    errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  }
  if (embedded === true) {
    if (schema.type !== 'object') {
      const detail = 'must be object if x-kubernetes-embedded-resource is true';
      errors.push(invalid(`${path}.type`, schema.type ?? '', detail));
    }
    if (preserve !== true && schema.properties === undefined) {
      const detail =
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
      errors.push(required(`${path}.properties`, detail));
    }
  }
  if (schema.type === 'array' && schema.items === undefined) {
    errors.push(required(`${path}.items`, 'must be specified'));
  }
  checkListType(schema, { path, errors });
  checkMapType(schema, { path, errors });
}

function checkChildren(schema: Schema, place: Place): void {
  const { path, errors, level } = place;
  const child = { ...place, depth: place.depth + 1 };
  const inner = level === 'junctor' ? level : 'field';
  const isResource = level === 'root' || schema['x-kubernetes-embedded-resource'] === true;
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const at = `${path}.properties[${key}]`;
    if (key === 'metadata' && isResource) checkMetadata(property, { path: at, errors });
    checkNode(property, { ...child, path: at, level: inner });
  }
  const additional = schema.additionalProperties;
  if (additional !== undefined && level !== 'junctor') {
    const at = `${path}.additionalProperties`;
    if (additional === false) errors.push(forbidden(at, 'additionalProperties cannot be set to false'));
    if (level === 'root') errors.push(forbidden(at, 'must not be used at the root'));
    if (schema.properties !== undefined && Object.keys(schema.properties).length > 0) {
      errors.push(forbidden(at, 'additionalProperties and properties are mutual exclusive'));
    }
    if (typeof additional === 'object') checkNode(additional, { ...child, path: at, level: 'field' });
  }
  if (schema.items !== undefined) {
    const at = `${path}.items`;
    if (Array.isArray(schema.items)) {
      errors.push(forbidden(at, 'items must be a schema object and not an array'));
    } else {
      checkNode(schema.items, { ...child, path: at, level: level === 'junctor' ? level : 'item' });
    }
  }
  checkJunctors(schema, child);
}

function checkJunctors(schema: Schema, place: Place): void {
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  for (const name of ['allOf', 'anyOf', 'oneOf'] as const) {
    (schema[name] ?? []).forEach((branch, i) => {
      const path = `${place.path}.${name}[${i}]`;
      const idiom =
        intOrString &&
        ((name === 'anyOf' && isIntOrString(schema.anyOf)) ||
          (name === 'allOf' && i === 0 && isSchema(branch) && isIntOrString(branch.anyOf)));
      if (!idiom) checkNode(branch, { ...place, path, level: 'junctor' });
    });
  }
  if (schema.not !== undefined)
    checkNode(schema.not, { ...place, path: `${place.path}.not`, level: 'junctor' });
}

/** The one place where branches may have types: `anyOf: [{type: integer}, {type: string}]`. */
function isIntOrString(branches: unknown): boolean {
  return (
    Array.isArray(branches) &&
    branches.length === 2 &&
    branches[0]?.type === 'integer' &&
    branches[1]?.type === 'string' &&
    branches.every((branch) => Object.keys(branch).length === 1)
  );
}

/** Resources bring their metadata along; a schema may restrict the name, nothing else. */
function checkMetadata(
  schema: Schema,
  { path, errors }: { readonly path: string; readonly errors: FieldError[] },
): void {
  if (!isSchema(schema)) return;
  const allowed = new Set(['type', 'description', 'title', 'properties']);
  const names = new Set(['name', 'generateName']);
  const bad =
    Object.keys(schema).some((key) => !allowed.has(key)) ||
    Object.keys(schema.properties ?? {}).some((key) => !names.has(key));
  if (bad) {
    const detail =
      'must not specify anything other than name and generateName, but metadata is implicitly specified';
    errors.push(forbidden(path, detail));
  }
  if (schema.type !== 'object') errors.push(invalid(`${path}.type`, schema.type ?? '', 'must be object'));
}

interface Meaning {
  readonly path: string;
  readonly errors: FieldError[];
  readonly resource: boolean;
  /** An old value can be found for values here, so rules may use `oldSelf`. */
  readonly correlatable: boolean;
}

function checkMeaning(schema: Schema, { path, errors, resource, correlatable }: Meaning): void {
  checkBranches(schema, { path, errors });
  checkDefault(schema, { path, errors });
  checkRuleDefinitions(schema, { path, errors, resource, correlatable });
  const isResource = resource || schema['x-kubernetes-embedded-resource'] === true;
  const follows = correlatable && schema['x-kubernetes-map-type'] !== 'atomic';
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const at = `${path}.properties[${key}]`;
    if (isResource && key === 'metadata' && hasDefaultBelow(property)) {
      errors.push(forbidden(at, 'must not have defaults inside metadata'));
      continue;
    }
    checkMeaning(property, { path: at, errors, resource: false, correlatable: follows });
  }
  if (typeof schema.additionalProperties === 'object') {
    const at = `${path}.additionalProperties`;
    checkMeaning(schema.additionalProperties, { path: at, errors, resource: false, correlatable: follows });
  }
  if (schema.items !== undefined) {
    const mapped = correlatable && schema['x-kubernetes-list-type'] === 'map';
    checkMeaning(schema.items, { path: `${path}.items`, errors, resource: false, correlatable: mapped });
  }
}

function hasDefaultBelow(schema: Schema): boolean {
  if (schema.default !== undefined) return true;
  return Object.values(schema.properties ?? {}).some(hasDefaultBelow);
}
