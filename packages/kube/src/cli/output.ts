/** `-o table|wide|json|yaml|name`: how every command that lists something prints it. */
import { isObject, stringifyYaml } from '@flotilla/api';
import { Option } from 'commander';
import { formatTable } from './table.js';
import { hasColors, paintState } from './terminal.js';

export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml' | 'name';

/** `-o` of a command that shows one thing, which has no further columns and no name to print. */
export type ObjectFormat = 'table' | 'json' | 'yaml';

/** What a command lists. */
export interface ListView {
  readonly headers: readonly string[];
  /** Columns of `-o wide` only; their cells stand after those of `headers`. */
  readonly wideHeaders?: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly objects: readonly unknown[];
  /** Said in place of a table without rows. */
  readonly empty: string;
}

/** For commands that list. */
export function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print; wide: a table with more columns')
    .choices(['table', 'wide', 'json', 'yaml', 'name'])
    .default('table');
}

/** For commands that show one thing. */
export function objectOutputOption(): Option {
  return new Option('-o, --output <format>', 'how to print')
    .choices(['table', 'json', 'yaml'])
    .default('table');
}

/** Lists as the user asked: a table of `rows`, the objects themselves, or their names. */
export function renderList(format: OutputFormat, list: ListView): string {
  if (format === 'name') return list.objects.map(objectName).join('\n');
  if (format === 'table' || format === 'wide') {
    const { headers, rows } = columnsFor(format, list);
    return rows.length === 0
      ? list.empty
      : formatTable(headers, rows, hasColors() ? { paint: paintState } : {});
  }
  const value = { apiVersion: 'v1', kind: 'List', metadata: {}, items: list.objects };
  return format === 'json' ? JSON.stringify(value, null, 2) : stringifyYaml(value).trimEnd();
}

/** The columns that a table shows, without those that are for `wide` only. */
export function columnsFor(
  format: 'table' | 'wide',
  { headers, wideHeaders = [], rows }: ListView,
): Pick<ListView, 'headers' | 'rows'> {
  if (format === 'wide') return { headers: [...headers, ...wideHeaders], rows };
  return { headers, rows: rows.map((row) => row.slice(0, headers.length)) };
}

/** As `kubectl -o name` writes it: `managedcluster.cluster.open-cluster-management.io/cluster1`. */
export function objectName(object: unknown): string {
  const { apiVersion, kind, metadata } = isObject(object) ? object : {};
  const [group = ''] =
    typeof apiVersion === 'string' && apiVersion.includes('/') ? apiVersion.split('/') : [];
  const type = `${String(kind).toLowerCase()}${group === '' ? '' : `.${group}`}`;
  return `${type}/${String(isObject(metadata) ? metadata['name'] : '')}`;
}

/** One thing as the user asked: a table with a row for each field, or the thing itself. */
export function renderObject(
  format: ObjectFormat,
  object: Readonly<Record<string, string>>,
  headers: readonly string[],
): string {
  if (format === 'table')
    return formatTable(headers, Object.entries(object), hasColors() ? { paint: paintState } : {});
  return format === 'json' ? JSON.stringify(object, null, 2) : stringifyYaml(object).trimEnd();
}
