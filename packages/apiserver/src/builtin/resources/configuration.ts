/**
 * ConfigMaps and Secrets: key rules, size limit, `immutable`, and for Secrets `stringData`, the type's required keys
 * and the type's own immutability. Made by `builtinResources`.
 */
import { type FieldError, fieldErrors, isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import { at, fill, objectAt, textAt } from '../access.js';
import { ageColumn, fieldColumn, nameColumn, numberColumn } from '../columns.js';
import type { BuiltinFacts } from '../define.js';
import { sameValue, validateImmutable } from '../validation.js';

const { forbidden, invalid, required, tooLong } = fieldErrors;

const maxDataBytes = 1024 * 1024;
const keyPattern = /^[-._a-zA-Z0-9]+$/;

function keyFaults(key: string): string[] {
  const faults: string[] = [];
  if (key.length > 253) faults.push('must be no more than 253 characters');
  if (key === '.') faults.push("must not be '.'");
  else if (key === '..') faults.push("must not be '..'");
  else if (key.startsWith('..')) faults.push("must not start with '..'");
  if (!keyPattern.test(key)) {
    faults.push(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    );
  }
  return faults;
}

function validateKeys(object: KubeObject, field: string): FieldError[] {
  return Object.keys(objectAt(object, field)).flatMap((key) =>
    keyFaults(key).map((fault) => invalid(`${field}[${key}]`, key, fault)),
  );
}

function decodedBytes(value: unknown): number {
  return typeof value === 'string' ? Buffer.byteLength(value, 'base64') : 0;
}

function sizeOf(map: JsonObject, measure: (value: unknown) => number): number {
  return Object.values(map).reduce<number>((sum, value) => sum + measure(value), 0);
}

function countEntries(object: KubeObject): number {
  return Object.keys(objectAt(object, 'data')).length + Object.keys(objectAt(object, 'binaryData')).length;
}

const dataColumn = numberColumn('Data', countEntries);

/** Errors of changing what `immutable: true` froze. */
function validateFrozen(object: KubeObject, old: KubeObject, fields: readonly string[]): FieldError[] {
  if (old['immutable'] !== true) return [];
  const detail = 'field is immutable when `immutable` is set';
  const errors = object['immutable'] === true ? [] : [forbidden('immutable', detail)];
  for (const field of fields) {
    if (!sameValue(at(object, field), at(old, field))) errors.push(forbidden(field, detail));
  }
  return errors;
}

export const configMaps: BuiltinFacts = {
  group: '',
  resource: 'configmaps',
  kind: 'ConfigMap',
  shortNames: ['cm'],
  namespaced: true,
  hub: true,
  columns: [nameColumn, dataColumn, ageColumn],
  validate(object) {
    const errors = [...validateKeys(object, 'data'), ...validateKeys(object, 'binaryData')];
    const data = objectAt(object, 'data');
    const binary = objectAt(object, 'binaryData');
    for (const key of Object.keys(data)) {
      if (Object.hasOwn(binary, key))
        errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    }
    const size =
      sizeOf(data, (value) => (typeof value === 'string' ? Buffer.byteLength(value) : 0)) +
      sizeOf(binary, decodedBytes);
    if (size > maxDataBytes) errors.push(tooLong('', maxDataBytes));
    return errors;
  },
  validateUpdate: (object, old) => validateFrozen(object, old, ['data', 'binaryData']),
};

/** Keys that a Secret of a type must have; of `any` at least one. */
const requiredKeys: Readonly<Record<string, { all?: readonly string[]; any?: readonly string[] }>> = {
  'kubernetes.io/dockercfg': { all: ['.dockercfg'] },
  'kubernetes.io/dockerconfigjson': { all: ['.dockerconfigjson'] },
  'kubernetes.io/basic-auth': { any: ['username', 'password'] },
  'kubernetes.io/ssh-auth': { all: ['ssh-privatekey'] },
  'kubernetes.io/tls': { all: ['tls.crt', 'tls.key'] },
};

/** Folds `stringData`, which is for writing only, into `data`. */
function mergeStringData(object: KubeObject): void {
  const { stringData } = object;
  delete object['stringData'];
  if (!isObject(stringData)) return;
  const data: JsonObject = { ...objectAt(object, 'data') };
  for (const key of Object.keys(stringData)) {
    const value = stringData[key];
    if (typeof value === 'string') data[key] = Buffer.from(value).toString('base64');
  }
  if (Object.keys(data).length > 0) object['data'] = data;
}

function validateSecretType(object: KubeObject): FieldError[] {
  const type = textAt(object, 'type');
  const data = objectAt(object, 'data');
  if (type === 'kubernetes.io/service-account-token') {
    const name = object.metadata.annotations?.['kubernetes.io/service-account.name'] ?? '';
    return name === '' ? [required('metadata.annotations[kubernetes.io/service-account.name]')] : [];
  }
  if (!Object.hasOwn(requiredKeys, type)) return [];
  const { all = [], any } = requiredKeys[type] ?? {};
  const errors = all.filter((key) => !Object.hasOwn(data, key)).map((key) => required(`data[${key}]`));
  if (any !== undefined && !any.some((key) => Object.hasOwn(data, key))) {
    errors.push(...any.map((key) => required(`data[${key}]`)));
  }
  const json = all.find((key) => key.startsWith('.docker'));
  if (json !== undefined && Object.hasOwn(data, json) && !isJson(data[json])) {
    errors.push(invalid(`data[${json}]`, '<secret contents redacted>', 'must be valid json'));
  }
  return errors;
}

function isJson(base64: unknown): boolean {
  if (typeof base64 !== 'string') return false;
  try {
    JSON.parse(Buffer.from(base64, 'base64').toString());
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

export const secrets: BuiltinFacts = {
  group: '',
  resource: 'secrets',
  kind: 'Secret',
  namespaced: true,
  hub: true,
  columns: [nameColumn, fieldColumn('Type', ['type']), dataColumn, ageColumn],
  selectableFields: { type: (object) => textAt(object, 'type') },
  defaults(object) {
    mergeStringData(object);
    fill(object, { type: 'Opaque' });
  },
  validate(object) {
    const errors = [...validateKeys(object, 'data'), ...validateSecretType(object)];
    if (sizeOf(objectAt(object, 'data'), decodedBytes) > maxDataBytes)
      errors.push(tooLong('data', maxDataBytes));
    return errors;
  },
  validateUpdate: (object, old) => [
    ...validateImmutable(object, old, ['type']),
    ...validateFrozen(object, old, ['data']),
  ],
};
