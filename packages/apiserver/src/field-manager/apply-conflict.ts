/**
 * The refusal of an apply that would change what others own: which fields, whose, and the 409 that says so.
 * kubectl recognises the cause reason and prints advice, so texts follow Kubernetes to the letter. Pure.
 */
import { type ManagedFieldsEntry, newStatusError, type StatusError } from '@flotilla/api';
import { type FieldSet, formatPath, hasPath, pathsOf } from './field-set.js';

/** One field that another manager owns. */
export interface ApplyConflict {
  readonly owner: ManagedFieldsEntry;
  /** Path elements. */
  readonly path: readonly string[];
}

/** All paths of the set as conflicts with that owner. */
export function conflictsOf(owner: ManagedFieldsEntry, set: FieldSet): ApplyConflict[] {
  return pathsOf(set).map((path) => ({ owner, path }));
}

/** The conflicts that are not about a field of the set. */
export function conflictsOutside(
  conflicts: readonly ApplyConflict[],
  allowed: FieldSet | undefined,
): ApplyConflict[] {
  return conflicts.filter((conflict) => !hasPath(allowed, conflict.path));
}

/** 409 Conflict with a cause for each field, grouped by manager. */
export function newApplyConflict(conflicts: readonly ApplyConflict[]): StatusError {
  const rows = conflicts
    .map(({ owner, path }) => ({ manager: describeManager(owner), path: formatPath(path) }))
    .sort((a, b) => (a.manager < b.manager ? -1 : a.manager > b.manager ? 1 : 0));
  return newStatusError(409, 'Conflict', {
    message: messageOf(rows),
    details: {
      causes: rows.map(({ manager, path }) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with ${manager}`,
        field: path,
      })),
    },
  });
}

function messageOf(rows: readonly { manager: string; path: string }[]): string {
  const [only] = rows;
  if (only !== undefined && rows.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${only.manager}: ${only.path}`;
  }
  const lines: string[] = [];
  let manager: string | undefined;
  for (const row of rows) {
    if (row.manager !== manager) lines.push(`conflicts with ${row.manager}:`);
    manager = row.manager;
    lines.push(`- ${row.path}`);
  }
  return `Apply failed with ${rows.length} conflicts: ${lines.join('\n')}`;
}

/** `"name" with subresource "status" using apps/v1`; an applier has no version, since it has one entry for all. */
function describeManager(entry: ManagedFieldsEntry): string {
  let text = JSON.stringify(entry.manager ?? '');
  if (entry.subresource !== undefined) text += ` with subresource ${JSON.stringify(entry.subresource)}`;
  if (entry.operation === 'Update') text += ` using ${entry.apiVersion}`;
  return text;
}
