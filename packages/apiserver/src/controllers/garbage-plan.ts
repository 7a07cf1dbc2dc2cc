/**
 * What becomes of an object, given the states of its owners: k8s pkg/controller/garbagecollector, attemptToDeleteItem.
 * Pure. Called by the garbage collector with what it has read a moment ago.
 */
import type { KubeObject, ObjectMeta, OwnerReference } from '@flotilla/api';
import { foregroundFinalizer, orphanFinalizer } from '../registry/object-meta.js';
import { hasFinalizer, isDeletingDependents } from './ownership-graph.js';

/** `waiting`: it is being deleted and waits for its dependents to go first. */
export type OwnerState = 'solid' | 'absent' | 'waiting';

export type CollectionPlan =
  | { readonly action: 'keep' }
  /** Some owner stays: only the references to the others go. */
  | { readonly action: 'release'; readonly ownerReferences: OwnerReference[] }
  | {
      readonly action: 'delete';
      readonly propagationPolicy: 'Background' | 'Foreground' | 'Orphan';
      /** Owner references that block nothing, to be stored first: a circle of waiting would never end. */
      readonly unblocked?: OwnerReference[];
    };

export interface Surroundings {
  /** One for each owner reference, in their order. */
  readonly states: readonly OwnerState[];
  readonly dependents: readonly KubeObject[];
}

export function planCollection(metadata: ObjectMeta, { states, dependents }: Surroundings): CollectionPlan {
  const references = metadata.ownerReferences ?? [];
  if (references.length === 0 || states.every((state) => state === 'solid')) return { action: 'keep' };
  if (states.includes('solid')) {
    return { action: 'release', ownerReferences: references.filter((_, index) => states[index] === 'solid') };
  }
  if (states.includes('waiting') && dependents.length > 0) {
    const inCircle =
      dependents.some(isDeletingDependents) && references.some((one) => one.blockOwnerDeletion);
    const unblocked = references.map((one) => ({ ...one, blockOwnerDeletion: false }));
    return { action: 'delete', propagationPolicy: 'Foreground', ...(inCircle && { unblocked }) };
  }
  const propagationPolicy = hasFinalizer(metadata, orphanFinalizer)
    ? 'Orphan'
    : hasFinalizer(metadata, foregroundFinalizer)
      ? 'Foreground'
      : 'Background';
  return { action: 'delete', propagationPolicy };
}
