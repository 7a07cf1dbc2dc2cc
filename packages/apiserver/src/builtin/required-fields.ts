/**
 * Required texts of a spec that are empty: the one check that Kubernetes makes by hand for almost every such field.
 * Numbers, lists and status are left to each kind, since there zero is often right. Pure.
 */
import { type FieldError, fieldErrors, isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import { type FieldType, kindStruct, type StructType } from './type-table.js';

/** Required by the Go structure, yet allowed to be empty. */
const mayBeEmpty: ReadonlySet<string> = new Set([
  'HTTPHeader.value',
  'Sysctl.value',
  'StatefulSetSpec.serviceName',
]);

/** One `Required value` for each empty required text below `spec`. */
export function emptyRequiredFields(
  object: KubeObject,
  { group, version, kind }: { group: string; version: string; kind: string },
): FieldError[] {
  const field = kindStruct(group, version, kind)?.fields.find(({ name }) => name === 'spec');
  const errors: FieldError[] = [];
  if (field !== undefined) walk(object['spec'], field.type, { path: 'spec', errors });
  return errors;
}

interface Place {
  readonly path: string;
  readonly errors: FieldError[];
}

function walk(value: unknown, type: FieldType, { path, errors }: Place): void {
  if (type.is === 'struct') {
    if (isObject(value)) walkStruct(value, type.struct, { path, errors });
  } else if (type.is === 'list') {
    if (!Array.isArray(value) || type.items.is === 'scalar') return;
    for (let i = 0; i < value.length; i++) walk(value[i], type.items, { path: `${path}[${i}]`, errors });
  } else if (type.is === 'map') {
    if (!isObject(value) || type.values.is === 'scalar') return;
    for (const key of Object.keys(value)) walk(value[key], type.values, { path: `${path}[${key}]`, errors });
  }
}

function walkStruct(object: JsonObject, struct: StructType, { path, errors }: Place): void {
  for (const field of struct.fields) {
    const { name, type } = field;
    if (field.inline && type.is === 'struct') {
      walkStruct(object, type.struct, { path, errors });
    } else if (type.is !== 'scalar') {
      walk(object[name], type, { path: `${path}.${name}`, errors });
    } else if (
      type.name === 'string' &&
      field.required &&
      !field.pointer &&
      (object[name] ?? '') === '' &&
      !mayBeEmpty.has(`${struct.name}.${name}`)
    ) {
      errors.push(fieldErrors.required(`${path}.${name}`));
    }
  }
}
