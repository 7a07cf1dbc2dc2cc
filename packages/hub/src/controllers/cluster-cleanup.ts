/**
 * In which order a deleted cluster's namespace is emptied: add-ons before works, and within a kind the objects of the
 * lowest cleanup priority first (registration.md 1.8). What comes later is not touched before all of that is gone, so
 * that an add-on can still use the works it needs to clean up. Pure; `managed-cluster.ts` deletes.
 */
import { cleanupPriorityAnnotation, type KubeObject } from '@flotilla/api';

/** The objects of one kind that are left. */
export interface Remaining<Kind extends string> {
  readonly kind: Kind;
  readonly objects: readonly KubeObject[];
}

export interface CleanupStep<Kind extends string> {
  readonly kind: Kind;
  /** How many objects of the kind are left, those that are being deleted included. */
  readonly left: number;
  /** Those to delete now. */
  readonly doomed: readonly KubeObject[];
}

/** The step at hand, kinds in the order given; undefined: nothing is left. */
export function nextCleanupStep<Kind extends string>(
  kinds: readonly Remaining<Kind>[],
): CleanupStep<Kind> | undefined {
  const current = kinds.find(({ objects }) => objects.length > 0);
  if (current === undefined) return undefined;
  const { kind, objects } = current;
  const lowest = Math.min(...objects.map(cleanupPriority));
  const doomed = objects.filter(
    (object) => cleanupPriority(object) === lowest && object.metadata.deletionTimestamp === undefined,
  );
  return { kind, left: objects.length, doomed };
}

/** What is missing or no whole number counts as 0, as in OCM. */
function cleanupPriority({ metadata }: KubeObject): number {
  const text = metadata.annotations?.[cleanupPriorityAnnotation] ?? '';
  return /^[+-]?\d+$/.test(text) ? Number(text) : 0;
}
