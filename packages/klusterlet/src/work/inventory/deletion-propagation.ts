/**
 * How an object of a work is deleted: what makes pods in the foreground, so that the work is gone only when they are.
 * All else in the background, as OCM deletes everything: it has nothing to wait for, or, as custom resources, an
 * operator with finalizers of its own for that. Pure; called by release and by plans.
 */
import type { ResourceRef } from '@flotilla/kube';

/** Groups whose kinds make pods, themselves or by way of each other. */
const workloadGroups: ReadonlySet<string> = new Set(['apps', 'batch']);

export function deletionPropagation({
  group,
  resource,
}: Pick<ResourceRef, 'group' | 'resource'>): 'Foreground' | 'Background' {
  const isWorkload = workloadGroups.has(group) || (group === '' && resource === 'replicationcontrollers');
  return isWorkload ? 'Foreground' : 'Background';
}

/** Set by the API server on what is deleted in the foreground, taken away by the garbage collector. */
export const foregroundFinalizer = 'foregroundDeletion';
