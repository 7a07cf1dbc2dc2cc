/**
 * The value keywords of a schema node: enum, bounds, lengths, pattern, format, sizes. Each check appends to `errors`
 * and formats the path only when it fails. Called by the validator alone.
 */
import { equal, type JsonObject } from '../json.js';
import type { FieldError } from '../status.js';
import {
  formatPath,
  invalid,
  notSupported,
  type PathStack,
  tooLong,
  tooMany,
  typeInvalid,
} from './field-errors.js';
import { isFormat } from './formats.js';
import { compilePattern } from './pattern.js';
import type { Schema } from './schema.js';

export interface Sink {
  readonly path: PathStack;
  readonly errors: FieldError[];
}

/** The enum violation, if any. */
export function checkEnum(value: unknown, schema: Schema, path: string): FieldError | undefined {
  const allowed = schema.enum ?? [];
  if (allowed.includes(value)) return undefined;
  if (typeof value === 'object' && allowed.some((each) => equal(each, value))) return undefined;
  return notSupported(path, value, allowed);
}

/** minLength, maxLength, pattern, format. Lengths count code points. */
export function checkString(value: string, schema: Schema, { path, errors }: Sink): void {
  const { minLength, maxLength, pattern, format } = schema;
  if (maxLength !== undefined && value.length > maxLength && codePoints(value) > maxLength) {
    errors.push(tooLong(formatPath(path), maxLength));
  }
  if (minLength !== undefined && (value.length < minLength || value.length < 2 * minLength)) {
    if (codePoints(value) < minLength) {
      const here = formatPath(path);
      errors.push(invalid(here, value, `${here} in body should be at least ${minLength} chars long`));
    }
  }
  if (pattern !== undefined && !compilePattern(pattern).test(value)) {
    const here = formatPath(path);
    errors.push(invalid(here, value, `${here} in body should match '${pattern}'`));
  }
  if (format !== undefined && !isFormat(format, value)) {
    const here = formatPath(path);
    errors.push(
      typeInvalid(here, value, `${here} in body must be of type ${format}: ${JSON.stringify(value)}`),
    );
  }
}

/** minimum, maximum, their exclusive forms, multipleOf. */
export function checkNumber(value: number, schema: Schema, { path, errors }: Sink): void {
  const { minimum, maximum, exclusiveMinimum = false, exclusiveMaximum = false, multipleOf } = schema;
  const fail = (should: string): void => {
    const here = formatPath(path);
    errors.push(invalid(here, value, `${here} in body should be ${should}`));
  };
  if (maximum !== undefined && (value > maximum || (exclusiveMaximum && value === maximum))) {
    fail(exclusiveMaximum ? `less than ${maximum}` : `less than or equal to ${maximum}`);
  }
  if (minimum !== undefined && (value < minimum || (exclusiveMinimum && value === minimum))) {
    fail(exclusiveMinimum ? `greater than ${minimum}` : `greater than or equal to ${minimum}`);
  }
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) fail(`a multiple of ${multipleOf}`);
}

/** minItems, maxItems. */
export function checkListSize(list: readonly unknown[], schema: Schema, { path, errors }: Sink): void {
  const { minItems, maxItems } = schema;
  if (maxItems !== undefined && list.length > maxItems) {
    errors.push(tooMany(formatPath(path), list.length, maxItems));
  }
  if (minItems !== undefined && list.length < minItems) {
    const here = formatPath(path);
    errors.push(invalid(here, list.length, `${here} in body should have at least ${minItems} items`));
  }
}

/** minProperties, maxProperties. */
export function checkMapSize(map: JsonObject, schema: Schema, { path, errors }: Sink): void {
  const { minProperties, maxProperties } = schema;
  const size = Object.keys(map).length;
  if (maxProperties !== undefined && size > maxProperties) {
    errors.push(tooMany(formatPath(path), size, maxProperties));
  }
  if (minProperties !== undefined && size < minProperties) {
    const here = formatPath(path);
    errors.push(invalid(here, size, `${here} in body should have at least ${minProperties} properties`));
  }
}

function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const high = text.charCodeAt(i);
    if (high < 0xd800 || high > 0xdbff) continue;
    const low = text.charCodeAt(i + 1);
    if (low >= 0xdc00 && low <= 0xdfff) {
      count--;
      i++;
    }
  }
  return count;
}

/** Divides the way the reference does, so that 0.3 is a multiple of 0.1. */
function isMultiple(value: number, factor: number): boolean {
  const quotient = factor < 1 ? (1 / factor) * value : value / factor;
  const rounded = Math.round(quotient);
  return Math.abs(quotient - rounded) <= 1e-9 * Math.max(1, Math.abs(quotient));
}
