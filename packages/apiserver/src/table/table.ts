/**
 * meta.k8s.io Tables: what kubectl prints. Columns come from the resource definition, as a function of the object
 * (built-in kinds) or a simple JSONPath (CRDs); cells follow the reference's rules for each column type.
 * Called for get, list and watch. Pure: the time is given.
 */
import {
  type CompiledJsonPath,
  compileJsonPath,
  evaluateJsonPath,
  formatAge,
  JsonPathError,
  type KubeObject,
  parseTime,
} from '@flotilla/api';
import type { PrinterColumn, ResourceDefinition } from '../registry/resource.js';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  readonly nowMs: number;
  readonly includeObject: IncludeObject;
  /** `meta.k8s.io/v1` or `v1beta1`. */
  readonly apiVersion: string;
}

export interface TableColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly object?: unknown;
}

export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Left out, in a watch, after the first event. */
  readonly columnDefinitions?: readonly TableColumnDefinition[];
  readonly rows: readonly TableRow[];
}

interface CompiledColumns {
  readonly definitions: readonly TableColumnDefinition[];
  readonly cells: readonly ((object: KubeObject, nowMs: number) => unknown)[];
}

const nameDescription =
  'Name must be unique within a namespace. It is required when creating a resource and cannot be changed afterwards.';
const createdDescription = 'When the object was created.';

const compiled = new WeakMap<ResourceDefinition, CompiledColumns>();

const nameColumn: PrinterColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: nameDescription,
  value: (object) => object.metadata.name ?? '',
};

const createdColumn: PrinterColumn = {
  name: 'Created At',
  type: 'date',
  description: createdDescription,
  value: (object) => object.metadata.creationTimestamp ?? null,
};

function columnsOf(definition: ResourceDefinition): CompiledColumns {
  let columns = compiled.get(definition);
  if (columns === undefined) {
    const list = completeColumns(definition);
    columns = {
      definitions: list.map((column) => ({
        name: column.name,
        type: column.type,
        format: column.format ?? '',
        description: column.description ?? '',
        priority: column.priority ?? 0,
      })),
      cells: list.map(compileCell),
    };
    compiled.set(definition, columns);
  }
  return columns;
}

function completeColumns({ columns, origin }: ResourceDefinition): readonly PrinterColumn[] {
  if (origin === 'crd') return [nameColumn, ...columns];
  return columns.length === 0 ? [nameColumn, createdColumn] : columns;
}

function compileCell(column: PrinterColumn): (object: KubeObject, nowMs: number) => unknown {
  const { value, type } = column;
  if (typeof value === 'function') return value;
  const path = compileJsonPath(value);
  return (object, nowMs) => {
    const found = find(path, object);
    return found === undefined || found === null ? null : formatCell(found, type, nowMs);
  };
}

/** Undefined also where the path would cost too much: one column must not keep the others from being seen. */
function find(path: CompiledJsonPath, object: KubeObject): unknown {
  try {
    return evaluateJsonPath(path, object)[0];
  } catch (error) {
    if (error instanceof JsonPathError) return undefined;
    throw error;
  }
}

/** One cell of a column that is found by path; null when the value does not fit the column's type. */
export function formatCell(value: unknown, type: PrinterColumn['type'], nowMs: number): unknown {
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageCell(value, nowMs) : null;
    default:
      return typeof value === 'string' ? value : JSON.stringify(value);
  }
}

function ageCell(time: string, nowMs: number): string {
  if (time === '') return '<unknown>';
  let ms: number;
  try {
    ms = parseTime(time);
  } catch {
    return '<invalid>'; // what the reference prints for a text that is no time
  }
  return formatAge(nowMs - ms);
}

/** PartialObjectMetadata of an object. */
export function partialObjectMetadata(object: KubeObject): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** One row; the first, too, of a watch event's table. */
export function tableRow(
  definition: ResourceDefinition,
  object: KubeObject,
  options: TableOptions,
): TableRow {
  const { cells } = columnsOf(definition);
  return {
    cells: cells.map((cell) => cell(object, options.nowMs)),
    ...rowObject(object, options),
  };
}

function rowObject(object: KubeObject, { includeObject, apiVersion }: TableOptions): { object?: unknown } {
  if (includeObject === 'None') return {};
  if (includeObject === 'Object') return { object };
  return { object: { ...partialObjectMetadata(object), apiVersion } };
}

/** A whole table. `metadata` is the list's, or holds an object's resourceVersion. */
export function makeTable(
  definition: ResourceDefinition,
  content: {
    readonly objects: readonly KubeObject[];
    readonly metadata: Readonly<Record<string, unknown>>;
    readonly withColumns: boolean;
  },
  options: TableOptions,
): Table {
  return {
    kind: 'Table',
    apiVersion: options.apiVersion,
    metadata: content.metadata,
    ...(content.withColumns && { columnDefinitions: columnsOf(definition).definitions }),
    rows: content.objects.map((object) => tableRow(definition, object, options)),
  };
}
