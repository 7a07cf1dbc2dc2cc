/**
 * What the last pass over a work left behind, object by object. While a watch shows the state that was left, there is
 * nothing to read and nothing to do: this is why an idle klusterlet is idle.
 */
import { equal, type ObjectMeta } from '@flotilla/api';
import type { Outcome } from './apply/outcome.js';
import type { Target } from './planning/plan-manifests.js';
import type { ManifestObservation } from './status/observation.js';

export interface ObjectMemory {
  readonly target: Target;
  /** The inventory that owned the object then. */
  readonly ownerUid: string;
  readonly outcome: Outcome;
  readonly observation: ManifestObservation;
  readonly checkedAtMs: number;
  /** Earlier manifests were still in effect: the same manifest may have more to do without them. */
  readonly hadPrevious: boolean;
}

/** The object's version after the last pass, if that pass succeeded. */
export function knownVersion({ outcome }: ObjectMemory): string | undefined {
  return outcome.ok ? outcome.live?.metadata.resourceVersion : undefined;
}

/** Whether the last pass was about the same demand. */
export function isSameDemand(memory: ObjectMemory, target: Target, ownerUid: string): boolean {
  const before = memory.target;
  return (
    memory.ownerUid === ownerUid &&
    before.owned === target.owned &&
    before.ref.version === target.ref.version &&
    equal(before.manifest, target.manifest) &&
    equal(before.settings, target.settings)
  );
}

/** Whether an object that a watch shows is in the very state that the last pass left. */
export function isUntouched(memory: ObjectMemory, seen: ObjectMeta | undefined | 'unknown'): boolean {
  if (seen === 'unknown' || !memory.outcome.ok) return false;
  return seen?.resourceVersion === knownVersion(memory);
}

/** How long the server of this object has still to be left alone, as it asked; 0: it may be asked. */
export function busyMs({ outcome, checkedAtMs }: ObjectMemory, nowMs: number): number {
  if (outcome.ok || outcome.isBusy !== true) return 0;
  return Math.max(0, checkedAtMs + (outcome.retryAfterMs ?? 0) - nowMs);
}

/** Memory of all works: by work, then by object. */
export class WorkMemory {
  readonly #works = new Map<string, ReadonlyMap<string, ObjectMemory>>();

  of(work: string): ReadonlyMap<string, ObjectMemory> {
    return this.#works.get(work) ?? nothing;
  }

  set(work: string, objects: ReadonlyMap<string, ObjectMemory>): void {
    this.#works.set(work, objects);
  }

  forget(work: string): void {
    this.#works.delete(work);
  }
}

const nothing: ReadonlyMap<string, ObjectMemory> = new Map();
