/**
 * Reading and writing `status.conditions`. `lastTransitionTime` moves only when the status does, as
 * meta.SetStatusCondition of Kubernetes has it. Functions return new lists and never change the one given. Pure.
 */
import type { Condition } from './object.js';
import { formatTime } from './time.js';

/** A condition as a controller decides it: the transition time follows from the old one. */
export type ConditionUpdate = Omit<Condition, 'lastTransitionTime'>;

/** Anything that has conditions in its status. */
export interface HasConditions {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** The condition of a type, if there is one. */
export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** True when the object has the condition with status True. */
export function isConditionTrue(object: HasConditions, type: string): boolean {
  return findCondition(object.status?.conditions, type)?.status === 'True';
}

/** True when the object has the condition with status False; an absent condition is neither. */
export function isConditionFalse(object: HasConditions, type: string): boolean {
  return findCondition(object.status?.conditions, type)?.status === 'False';
}

/**
 * The list with this condition in it, in its old place or at the end. The same list is returned when nothing
 * changed, so that a caller may compare by identity.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  condition: ConditionUpdate,
  nowMs: number,
): Condition[] {
  const list = conditions ?? [];
  const index = list.findIndex((item) => item.type === condition.type);
  const old = list[index];
  if (old !== undefined && saysTheSame(old, condition)) return list as Condition[]; // unchanged, see above
  const lastTransitionTime =
    old !== undefined && old.status === condition.status ? old.lastTransitionTime : formatTime(nowMs);
  const next: Condition = {
    type: condition.type,
    status: condition.status,
    lastTransitionTime,
    reason: condition.reason,
    message: condition.message,
    ...(condition.observedGeneration !== undefined && { observedGeneration: condition.observedGeneration }),
  };
  return old === undefined ? [...list, next] : list.with(index, next);
}

/** The list without the condition of this type; the same list when it has none. */
export function removeCondition(conditions: readonly Condition[] | undefined, type: string): Condition[] {
  const list = (conditions ?? []) as Condition[]; // returned as it is, never changed
  return list.some((condition) => condition.type === type)
    ? list.filter((condition) => condition.type !== type)
    : list;
}

function saysTheSame(old: Condition, next: ConditionUpdate): boolean {
  return (
    old.status === next.status &&
    old.reason === next.reason &&
    old.message === next.message &&
    old.observedGeneration === next.observedGeneration
  );
}
