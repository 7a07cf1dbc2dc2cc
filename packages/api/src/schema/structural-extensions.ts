/**
 * The part of the structural check that deals with list types, map types and defaults. Called by structural.ts.
 */
import { clone, isObject } from '../json.js';
import type { FieldError } from '../status.js';
import { hasDefault } from './compile.js';
import { applyDefaultsToValue } from './default.js';
import { duplicate, forbidden, invalid, notSupported, required } from './field-errors.js';
import { pruneValue } from './prune.js';
import type { Schema } from './schema.js';
import { validateValue } from './validate.js';

export interface Sink {
  readonly path: string;
  readonly errors: FieldError[];
}

/** x-kubernetes-list-type and x-kubernetes-list-map-keys. */
export function checkListType(schema: Schema, { path, errors }: Sink): void {
  const type = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'];
  const at = `${path}.x-kubernetes-list-type`;
  if (keys !== undefined && type !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(type === undefined ? required(at, detail) : invalid(at, type, detail));
  }
  if (type === undefined) return;
  if (!['atomic', 'set', 'map'].includes(type)) errors.push(notSupported(at, type, ['atomic', 'set', 'map']));
  if (schema.type !== 'array') {
    const detail = 'must be array if x-kubernetes-list-type is specified';
    errors.push(invalid(`${path}.type`, schema.type ?? '', detail));
    return;
  }
  if (!isObject(schema.items)) return; // what else it may be is told elsewhere
  if (type === 'set') checkSetItems(schema.items, { path: `${path}.items`, errors });
  if (type === 'map') checkMapKeys(schema, { path, errors });
}

function checkSetItems(items: Schema, { path, errors }: Sink): void {
  if (items.nullable === true) {
    errors.push(forbidden(`${path}.nullable`, 'cannot be nullable when x-kubernetes-list-type is set'));
  }
  const detail = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
    errors.push(invalid(`${path}.x-kubernetes-map-type`, items['x-kubernetes-map-type'] ?? '', detail));
  }
  if (items.type === 'array' && (items['x-kubernetes-list-type'] ?? 'atomic') !== 'atomic') {
    errors.push(invalid(`${path}.x-kubernetes-list-type`, items['x-kubernetes-list-type'], detail));
  }
}

const scalars = ['string', 'integer', 'number', 'boolean'];

function checkMapKeys(schema: Schema, { path, errors }: Sink): void {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const items = schema.items ?? {};
  if (keys.length === 0) {
    const detail = 'must not be empty if x-kubernetes-list-type is map';
    errors.push(required(`${path}.x-kubernetes-list-map-keys`, detail));
  }
  if (items.type !== 'object') {
    const detail = "must be object if parent array's x-kubernetes-list-type is map";
    errors.push(invalid(`${path}.items.type`, items.type ?? '', detail));
    return;
  }
  if (items.nullable === true) {
    errors.push(forbidden(`${path}.items.nullable`, 'cannot be nullable when x-kubernetes-list-type is map'));
  }
  keys.forEach((key, i) => {
    if (keys.indexOf(key) < i) {
      errors.push(duplicate(`${path}.x-kubernetes-list-map-keys[${i}]`, key));
      return;
    }
    const property = Object.hasOwn(items.properties ?? {}, key) ? items.properties?.[key] : undefined;
    const at = `${path}.items.properties[${key}]`;
    if (property === undefined) {
      const detail = `entries must all be names of item properties`;
      errors.push(invalid(`${path}.x-kubernetes-list-map-keys[${i}]`, key, detail));
    } else if (!scalars.includes(property.type ?? '') && property['x-kubernetes-int-or-string'] !== true) {
      const detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      errors.push(invalid(`${at}.type`, property.type ?? '', detail));
    } else if (!(Array.isArray(items.required) && items.required.includes(key)) && !hasDefault(property)) {
      const detail =
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
      errors.push(required(`${at}.default`, detail));
    } else if (property.nullable === true) {
      const detail = 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable';
      errors.push(forbidden(`${at}.nullable`, detail));
    }
  });
}

/** x-kubernetes-map-type. */
export function checkMapType(schema: Schema, { path, errors }: Sink): void {
  const type = schema['x-kubernetes-map-type'];
  if (type === undefined) return;
  if (type !== 'granular' && type !== 'atomic') {
    errors.push(notSupported(`${path}.x-kubernetes-map-type`, type, ['atomic', 'granular']));
  }
  if (schema.type !== 'object') {
    const detail = 'must be object if x-kubernetes-map-type is specified';
    errors.push(invalid(`${path}.type`, schema.type ?? '', detail));
  }
}

/** A default must survive pruning and pass validation, after it got the defaults below it. */
export function checkDefault(schema: Schema, { path, errors }: Sink): void {
  if (!hasDefault(schema)) return;
  const at = `${path}.default`;
  const value = clone(schema.default);
  const unknown = pruneValue(value, schema);
  if (unknown.length > 0) {
    const list = unknown.map((each) => JSON.stringify(each)).join(', ');
    errors.push(invalid(at, schema.default, `must not have unknown fields: ${list}`));
    return;
  }
  applyDefaultsToValue(value, schema);
  errors.push(...validateValue(value, schema, { path: [at] }));
}
