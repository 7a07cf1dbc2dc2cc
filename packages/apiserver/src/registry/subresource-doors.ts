/**
 * What a write through the main path, `/status` or another subresource may change, and by which rules it is judged.
 * Called by the object store for updates.
 */
import { clone, type FieldError, type KubeObject } from '@flotilla/api';
import { dedupeOwnerReferences } from './object-meta.js';
import type { WriteContext } from './resource.js';
import { customSubresource, type WriteRequest, writeContext } from './write-request.js';
import { keepStatus, takeStatus } from './write-rules.js';

/** What of the incoming object is taken, on top of what is stored. May change the incoming object. */
export function throughDoor(
  request: WriteRequest,
  incoming: KubeObject,
  { old, context }: { readonly old: KubeObject; readonly context: WriteContext },
): KubeObject {
  const { definition, subresource } = request;
  const door = customSubresource(definition, subresource);
  let next = incoming;
  if (door?.merge !== undefined) next = door.merge(incoming, clone(old), context);
  else if (subresource === 'status') next = takeStatus(definition, incoming, old);
  else if (subresource === undefined && definition.hasStatus) keepStatus(next, old);
  if (next !== incoming) next = clone(next);
  dedupeOwners(request, next);
  return next;
}

/** Repeated owner references go, with a warning. In place. */
export function dedupeOwners(request: WriteRequest, object: KubeObject): void {
  const repeated = dedupeOwnerReferences(object.metadata);
  if (repeated.length === 0) return;
  request.warn(
    `.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${repeated.join(', ')}`,
  );
}

/** What the kind itself says against an update through the subresource. */
export function updateErrors(
  request: WriteRequest,
  { next, old, nowMs }: { readonly next: KubeObject; readonly old: KubeObject; readonly nowMs: number },
): readonly FieldError[] {
  const { definition, subresource } = request;
  const context = writeContext(request, nowMs);
  const door = customSubresource(definition, subresource);
  if (door !== undefined) return door.validateUpdate?.(next, old, context) ?? [];
  const { strategy } = definition;
  if (subresource === 'status') return strategy.validateUpdate?.(next, old, context) ?? [];
  if (subresource !== undefined) return [];
  return strategy.validateUpdate === undefined
    ? (strategy.validate?.(next, context) ?? [])
    : strategy.validateUpdate(next, old, context);
}
