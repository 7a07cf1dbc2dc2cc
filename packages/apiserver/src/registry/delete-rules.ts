/**
 * What a DELETE makes of an object: nothing more to wait for, or a deletion timestamp with the finalizers of the
 * propagation policy and, for pods, a grace period. Pure; the object store executes it.
 */
import { clone, formatTime, type KubeObject } from '@flotilla/api';
import { foregroundFinalizer, orphanFinalizer } from './object-meta.js';
import type { ResourceDefinition } from './resource.js';
import type { DeleteRequest } from './write-request.js';
import { isReadyToGo } from './write-rules.js';

export type DeletePlan =
  /** Remove it now. */
  | { readonly action: 'remove' }
  /** Store this; something else will finish the deletion. */
  | { readonly action: 'mark'; readonly object: KubeObject };

type DeleteChoice = Pick<
  DeleteRequest,
  'definition' | 'gracePeriodSeconds' | 'propagationPolicy' | 'orphanDependents'
>;

/** `object` is a private copy of the current state, already touched by the strategy. */
export function planDelete(object: KubeObject, request: DeleteChoice, nowMs: number): DeletePlan {
  const { definition } = request;
  const next = clone(object);
  const finalizers = finalizersFor(object, request);
  if (finalizers.length > 0) next.metadata.finalizers = finalizers;
  else delete next.metadata.finalizers;
  const grace = graceSeconds(object, request);

  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
  if (deletionTimestamp !== undefined) {
    const current = deletionGracePeriodSeconds ?? 0;
    if (grace < current) {
      next.metadata.deletionGracePeriodSeconds = grace;
      const start = Date.parse(deletionTimestamp) - current * 1000;
      next.metadata.deletionTimestamp = formatTime(start + grace * 1000);
    }
    return isReadyToGo(definition, next) ? { action: 'remove' } : { action: 'mark', object: next };
  }

  next.metadata.deletionTimestamp = formatTime(nowMs + grace * 1000);
  next.metadata.deletionGracePeriodSeconds = grace;
  if (isReadyToGo(definition, next)) return { action: 'remove' };
  if (definition.strategy.tracksGeneration && (next.metadata.generation ?? 0) > 0) {
    next.metadata.generation = (next.metadata.generation ?? 0) + 1;
  }
  return { action: 'mark', object: next };
}

/** Kinds whose dependents nobody looks for. */
function isOutsideGarbageCollection({ resource }: ResourceDefinition): boolean {
  return resource === 'events';
}

/** The object's finalizers with those of the policy put in or taken out. */
function finalizersFor(object: KubeObject, request: DeleteChoice): string[] {
  const current = object.metadata.finalizers ?? [];
  const { propagationPolicy, orphanDependents, definition } = request;
  if (isOutsideGarbageCollection(definition)) return current;
  let wanted: string | undefined;
  if (propagationPolicy === 'Foreground') wanted = foregroundFinalizer;
  else if (propagationPolicy === 'Orphan' || orphanDependents === true) wanted = orphanFinalizer;
  else if (propagationPolicy === undefined && orphanDependents === undefined) return current;
  const rest = current.filter((name) => name !== foregroundFinalizer && name !== orphanFinalizer);
  if (wanted === undefined) return rest;
  return current.includes(wanted)
    ? current.filter((name) => rest.includes(name) || name === wanted)
    : [...rest, wanted];
}

/** Seconds a pod gets to stop; no other kind gets any. */
function graceSeconds(object: KubeObject, { definition, gracePeriodSeconds }: DeleteChoice): number {
  if (definition.group !== '' || definition.resource !== 'pods') return 0;
  const spec = (object['spec'] ?? {}) as { nodeName?: string; terminationGracePeriodSeconds?: number };
  const status = (object['status'] ?? {}) as { phase?: string };
  if (spec.nodeName === undefined || spec.nodeName === '') return 0;
  if (status.phase === 'Failed' || status.phase === 'Succeeded') return 0;
  const asked = gracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30;
  return asked < 0 ? 1 : asked;
}
