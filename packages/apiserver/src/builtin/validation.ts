/** Checks that several built-in kinds share: immutable fields, selectors against labels. Pure. */
import { equal, type FieldError, fieldErrors, type KubeObject } from '@flotilla/api';
import { at, objectAt, objectsAt, textsAt } from './access.js';

const { invalid, required } = fieldErrors;

/** Equality in which null, absent and empty are the same, as they are in Go. */
export function sameValue(a: unknown, b: unknown): boolean {
  return equal(a, b) || (isBlank(a) && isBlank(b));
}

function isBlank(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Errors for the fields, given as dotted paths, that differ from what is stored. */
export function validateImmutable(
  object: KubeObject,
  old: KubeObject,
  fields: readonly string[],
): FieldError[] {
  return fields.flatMap((field) => {
    const path = field.split('.');
    const value = at(object, ...path);
    return sameValue(value, at(old, ...path)) ? [] : [invalid(field, value ?? null, 'field is immutable')];
  });
}

/** A workload's selector must be there and must match the labels of its template. */
export function validateTemplateSelector(object: KubeObject): FieldError[] {
  const selector = objectAt(object, 'spec', 'selector');
  const labels = objectAt(object, 'spec', 'template', 'metadata', 'labels');
  if (Object.keys(selector).length === 0) {
    const absent = at(object, 'spec', 'selector') === undefined || at(object, 'spec', 'selector') === null;
    return absent
      ? [required('spec.selector')]
      : [invalid('spec.selector', selector, 'empty selector is invalid for deployment')];
  }
  return selectorMatches(selector, labels)
    ? []
    : [invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')];
}

function selectorMatches(selector: Record<string, unknown>, labels: Record<string, unknown>): boolean {
  const wanted = objectAt(selector, 'matchLabels');
  if (!Object.keys(wanted).every((key) => labels[key] === wanted[key])) return false;
  return objectsAt(selector, 'matchExpressions').every((expression) => {
    const value = labels[String(expression['key'])];
    const listed = typeof value === 'string' && textsAt(expression, 'values').includes(value);
    switch (expression['operator']) {
      case 'In':
        return listed;
      case 'NotIn':
        return !listed;
      case 'Exists':
        return value !== undefined;
      default:
        return value === undefined;
    }
  });
}
