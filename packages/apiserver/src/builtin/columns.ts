/**
 * Pieces of the printer columns of built-in kinds: name, age, plain text, selectors, image lists. A cell is a function
 * of the object and the current time. Called by the resources of this folder. Pure.
 */
import { formatAge, isObject, type KubeObject, parseTime } from '@flotilla/api';
import type { PrinterColumn } from '../registry/resource.js';
import { at, listAt, numberAt, objectAt, objectsAt, textAt } from './access.js';

type Cell = string | number | boolean | null;

/** The column that names the object; built-in kinds list it themselves. */
export const nameColumn: PrinterColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  value: (object) => object.metadata.name ?? '',
};

/** Time since creation. */
export const ageColumn: PrinterColumn = {
  name: 'Age',
  type: 'string',
  value: (object, nowMs) => ageOf(object.metadata.creationTimestamp, nowMs),
};

/** Creation time in full, for kinds without columns of their own. */
export const createdAtColumn: PrinterColumn = {
  name: 'Created At',
  type: 'date',
  value: (object) => object.metadata.creationTimestamp ?? null,
};

/** Age of a time as kubectl prints it. */
export function ageOf(time: unknown, nowMs: number): string {
  if (typeof time !== 'string' || time === '') return '<unknown>';
  try {
    return formatAge(nowMs - parseTime(time));
  } catch (error) {
    if (error instanceof Error) return '<invalid>'; // not a time: shown as kubectl shows it
    throw error;
  }
}

export function textColumn(
  name: string,
  value: (object: KubeObject, nowMs: number) => Cell,
  options: { readonly wide?: boolean } = {},
): PrinterColumn {
  return { name, type: 'string', ...(options.wide && { priority: 1 }), value };
}

export function numberColumn(name: string, value: (object: KubeObject) => number): PrinterColumn {
  return { name, type: 'integer', value };
}

/** A text field, empty when absent. */
export function fieldColumn(
  name: string,
  path: readonly string[],
  options: { wide?: boolean } = {},
): PrinterColumn {
  return textColumn(name, (object) => textAt(object, ...path), options);
}

/** A number field, 0 when absent. */
export function countColumn(name: string, ...path: readonly string[]): PrinterColumn {
  return numberColumn(name, (object) => numberAt(object, ...path));
}

/** A label selector in kubectl's one-line form. */
export function showSelector(selector: unknown): string {
  if (!isObject(selector)) return '<none>';
  const parts = showPairs(objectAt(selector, 'matchLabels'));
  for (const expression of objectsAt(selector, 'matchExpressions')) {
    const key = textAt(expression, 'key');
    const values = [...listAt(expression, 'values')].map(String).sort().join(',');
    switch (textAt(expression, 'operator')) {
      case 'In':
        parts.push(`${key} in (${values})`);
        break;
      case 'NotIn':
        parts.push(`${key} notin (${values})`);
        break;
      case 'DoesNotExist':
        parts.push(`!${key}`);
        break;
      default:
        parts.push(key);
    }
  }
  return parts.length === 0 ? '<none>' : parts.join(',');
}

/** A map of labels in kubectl's one-line form. */
export function showLabels(labels: unknown): string {
  const parts = showPairs(isObject(labels) ? labels : {});
  return parts.length === 0 ? '<none>' : parts.join(',');
}

function showPairs(labels: Record<string, unknown>): string[] {
  return Object.keys(labels)
    .sort()
    .map((key) => `${key}=${String(labels[key])}`);
}

function containersOf(object: KubeObject): readonly Record<string, unknown>[] {
  return objectsAt(object, 'spec', 'template', 'spec', 'containers');
}

/** The `-o wide` columns that every workload ends with. */
export const containerColumns: readonly PrinterColumn[] = [
  textColumn(
    'Containers',
    (object) =>
      containersOf(object)
        .map((one) => textAt(one, 'name'))
        .join(','),
    {
      wide: true,
    },
  ),
  textColumn(
    'Images',
    (object) =>
      containersOf(object)
        .map((one) => textAt(one, 'image'))
        .join(','),
    {
      wide: true,
    },
  ),
];

/** The `-o wide` selector column of workloads. */
export const selectorColumn: PrinterColumn = textColumn(
  'Selector',
  (object) => showSelector(at(object, 'spec', 'selector')),
  { wide: true },
);

/** Joins names, cutting after three as kubectl does. */
export function showFirst(items: readonly string[], limit = 3): string {
  if (items.length === 0) return '<none>';
  return items.length <= limit
    ? items.join(',')
    : `${items.slice(0, limit).join(',')} + ${items.length - limit} more...`;
}
