/**
 * Field ownership through `/scale`: the one field of a Scale that can be owned, its replicas, is a field of the parent
 * elsewhere. Called by the scale handler around an apply to `/scale`; an update of the parent on behalf of `/scale`
 * needs only updateManagedFields with the subresource `scale`. Pure.
 */
import type { ManagedFieldsEntry } from '@flotilla/api';
import { isOwnedBy, makeEntry, ownerOf, setOf, sortEntries, subtractFromEntry } from './entries.js';
import { hasPath, setOfPath, toFieldsV1, union } from './field-set.js';

const scaleVersion = 'autoscaling/v1';
const replicasInScale = ['f:spec', 'f:replicas'];

function elementsOf(replicasPath: string): string[] {
  return replicasPath
    .split('.')
    .filter((name) => name !== '')
    .map((name) => `f:${name}`);
}

/** The parent's entries as the Scale shows them. `replicasPath` is dotted, as in a CRD: `.spec.replicas`. */
export function toScaleEntries(
  parent: readonly ManagedFieldsEntry[],
  { replicasPath }: { replicasPath: string },
): ManagedFieldsEntry[] {
  const path = elementsOf(replicasPath);
  const fieldsV1 = toFieldsV1(setOfPath(replicasInScale));
  return sortEntries(
    parent
      .filter((entry) => hasPath(setOf(entry), path))
      .map((entry) => ({ ...entry, apiVersion: scaleVersion, fieldsV1 })),
  );
}

/** The parent's entries after a write to the Scale left it with `scale`. */
export function fromScaleEntries(
  scale: readonly ManagedFieldsEntry[],
  options: { parent: readonly ManagedFieldsEntry[]; apiVersion: string; replicasPath: string },
): ManagedFieldsEntry[] {
  const replicas = setOfPath(elementsOf(options.replicasPath));
  const owners = new Map(
    scale
      .filter((entry) => hasPath(setOf(entry), replicasInScale))
      .map((entry) => [entry, { ...ownerOf(entry), apiVersion: options.apiVersion }]),
  );
  const out: ManagedFieldsEntry[] = [];
  for (const entry of options.parent) {
    const [kept] = [...owners].find(([, owner]) => isOwnedBy(entry, owner)) ?? [];
    if (kept === undefined) {
      const rest = subtractFromEntry(entry, replicas);
      if (rest !== undefined) out.push(rest);
      continue;
    }
    owners.delete(kept);
    const set = union(setOf(entry), replicas);
    out.push(set === setOf(entry) ? entry : makeEntry(ownerOf(entry), { set, time: kept.time }));
  }
  for (const [entry, owner] of owners) out.push(makeEntry(owner, { set: replicas, time: entry.time }));
  return sortEntries(out);
}
