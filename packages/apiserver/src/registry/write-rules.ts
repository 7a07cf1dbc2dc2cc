/**
 * Decisions about one write that need no store: what changed, whether the generation grows, which part of an object a
 * subresource may write, what deletion comes to. Pure; the object store executes them.
 */
import { clone, equal, type KubeObject, type ManagedFieldsEntry } from '@flotilla/api';
import type { ResourceDefinition } from './resource.js';

/** True when anything differs that counts for metadata.generation. */
export function specChanged(definition: ResourceDefinition, next: KubeObject, old: KubeObject): boolean {
  const skipStatus = definition.hasStatus || definition.origin === 'builtin';
  const keys = new Set([...Object.keys(next), ...Object.keys(old)]);
  for (const key of keys) {
    if (key === 'metadata' || key === 'apiVersion' || key === 'kind') continue;
    if (key === 'status' && skipStatus) continue;
    if (!equal(next[key], old[key])) return true;
  }
  return false;
}

/** True when storing `next` over `old` would change nothing but the times in managedFields. */
export function isNoOp(next: KubeObject, old: KubeObject): boolean {
  const keys = new Set([...Object.keys(next), ...Object.keys(old)]);
  for (const key of keys) {
    if (key !== 'metadata' && !equal(next[key], old[key])) return false;
  }
  const { managedFields: nextFields, resourceVersion: _n, ...nextMeta } = next.metadata;
  const { managedFields: oldFields, resourceVersion: _o, ...oldMeta } = old.metadata;
  return equal(nextMeta, oldMeta) && sameOwnership(nextFields ?? [], oldFields ?? []);
}

function sameOwnership(a: readonly ManagedFieldsEntry[], b: readonly ManagedFieldsEntry[]): boolean {
  if (a.length !== b.length) return false;
  const timeless = ({ time: _, ...entry }: ManagedFieldsEntry): unknown => entry;
  return a.every((entry, index) => {
    const other = b[index];
    return other !== undefined && equal(timeless(entry), timeless(other));
  });
}

/** The main endpoint's write: the stored status stays. */
export function keepStatus(next: KubeObject, old: KubeObject | undefined): void {
  if (old !== undefined && Object.hasOwn(old, 'status')) next['status'] = clone(old['status']);
  else delete next['status'];
}

/** The status endpoint's write: only the status is taken, and from built-in kinds most of metadata. */
export function takeStatus(
  definition: ResourceDefinition,
  incoming: KubeObject,
  old: KubeObject,
): KubeObject {
  const next: KubeObject = { ...old };
  if (Object.hasOwn(incoming, 'status')) next['status'] = incoming['status'];
  else delete next['status'];
  const { managedFields } = incoming.metadata;
  next.metadata =
    definition.origin === 'crd'
      ? { ...old.metadata, ...(managedFields && { managedFields }) }
      : {
          ...incoming.metadata,
          ...(old.metadata.ownerReferences && { ownerReferences: old.metadata.ownerReferences }),
        };
  return next;
}

/** Paths that a write through the endpoint never owns (apiserver.md 2.7). */
export function resetPaths(
  definition: ResourceDefinition,
  subresource: string | undefined,
): readonly string[] {
  if (subresource === undefined) return definition.hasStatus ? ['status'] : [];
  if (subresource === 'status') return definition.origin === 'crd' ? ['metadata', 'spec'] : ['spec'];
  return [];
}

/** True when nothing keeps a deleting object any more: an update that gets here removes it. */
export function isReadyToGo(definition: ResourceDefinition, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  if (deletionTimestamp === undefined) return false;
  if (finalizers !== undefined && finalizers.length > 0) return false;
  if (deletionGracePeriodSeconds !== undefined && deletionGracePeriodSeconds > 0) return false;
  return definition.strategy.holdsDeletion?.(object) !== true;
}
