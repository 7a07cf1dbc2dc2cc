/**
 * Brings an object of a built-in kind to the form in which a kube-apiserver stores it, which is what Go's structures
 * make of it: nulls and empty optional values go, structures that are not pointers are always there, fields without
 * `omitempty` are written even when empty, times and quantities get their one spelling. Drift detection compares
 * stored objects, so equal input must give the form a real cluster gives.
 *
 * Types were checked before; a value of an unexpected type is left for validation. Called by every built-in strategy.
 */
import {
  formatMicroTime,
  formatTime,
  isObject,
  type JsonObject,
  type KubeObject,
  parseTime,
} from '@flotilla/api';
import { canonicalQuantity } from './quantity.js';
import {
  type FieldFacts,
  type FieldType,
  isGoStruct,
  kindStruct,
  mayBeAbsent,
  type ScalarName,
  type StructType,
} from './type-table.js';

/** Canonicalizes in place. Metadata is the generic registry's and stays as it is. */
export function canonicalize(
  object: KubeObject,
  { group, version, kind }: { group: string; version: string; kind: string },
): void {
  const struct = kindStruct(group, version, kind);
  if (struct === undefined) return;
  for (const field of struct.fields) {
    if (field.name !== 'metadata') canonicalizeField(object, field);
  }
}

function canonicalizeStruct(object: JsonObject, struct: StructType): void {
  for (const field of struct.fields) {
    if (field.inline && field.type.is === 'struct') canonicalizeStruct(object, field.type.struct);
    else canonicalizeField(object, field);
  }
}

function canonicalizeField(object: JsonObject, field: FieldFacts): void {
  const { name, type } = field;
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  if (value === undefined || value === null) {
    fillAbsent(object, field);
    return;
  }
  const canonical = canonicalValue(value, type);
  if (field.omitEmpty && !field.pointer && isEmpty(canonical, type)) delete object[name];
  else if (field.omitZero && !field.pointer && isObject(canonical) && Object.keys(canonical).length === 0) {
    delete object[name];
  } else object[name] = canonical;
}

/** What Go writes for a field that was not given. */
function fillAbsent(object: JsonObject, field: FieldFacts): void {
  const { name, type } = field;
  if (type.is === 'struct' && !field.pointer && !field.omitZero) {
    const made: JsonObject = {};
    canonicalizeStruct(made, type.struct);
    object[name] = made;
  } else if (mayBeAbsent(field)) {
    delete object[name];
  } else {
    object[name] = field.pointer ? null : zeroOf(type);
  }
}

function zeroOf(type: FieldType): unknown {
  if (type.is !== 'scalar') return null;
  switch (type.name) {
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'uint64':
    case 'double':
    case 'intOrString':
      return 0;
    case 'quantity':
      return '0';
    case 'duration':
      return '0s';
    default:
      return null;
  }
}

function canonicalValue(value: unknown, type: FieldType): unknown {
  switch (type.is) {
    case 'struct':
      if (isObject(value)) canonicalizeStruct(value, type.struct);
      return value;
    case 'list':
      if (Array.isArray(value)) {
        for (let i = 0; i < value.length; i++) value[i] = canonicalItem(value[i], type.items);
      }
      return value;
    case 'map':
      if (isObject(value)) {
        for (const key of Object.keys(value)) value[key] = canonicalItem(value[key], type.values);
      }
      return value;
    case 'scalar':
      return canonicalScalar(value, type.name);
  }
}

/** An element of a list or map: null means the empty value there. */
function canonicalItem(value: unknown, type: FieldType): unknown {
  if (value === null || value === undefined) {
    return type.is === 'struct' ? canonicalValue({}, type) : zeroOf(type);
  }
  return canonicalValue(value, type);
}

function canonicalScalar(value: unknown, name: ScalarName): unknown {
  switch (name) {
    case 'quantity':
      return canonicalQuantity(value);
    case 'time':
      return typeof value === 'string' ? respell(value, formatTime) : value;
    case 'microTime':
      return typeof value === 'string' ? respell(value, formatMicroTime) : value;
    default:
      return value;
  }
}

/** A text that is no time is left for validation, which names the field. */
function respell(text: string, format: (ms: number) => string): string {
  try {
    return format(parseTime(text));
  } catch (error) {
    if (error instanceof Error) return text;
    throw error;
  }
}

function isEmpty(value: unknown, type: FieldType): boolean {
  if (isGoStruct(type)) return false;
  if (type.is === 'list' || type.is === 'map') {
    return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
  }
  return value === '' || value === 0 || value === false;
}
