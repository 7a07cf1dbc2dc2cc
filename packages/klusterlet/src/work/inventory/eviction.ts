/**
 * What happens to an inventory whose work the hub does not have: it waits a while, since the hub may have been
 * restored from an older state, and then goes with all it owns. Decided only when the hub has told all its works. Pure.
 *
 * What counts is for how long this very process has seen the work missing. The time at which the wait began is written
 * down, as OCM has it, for people to see: the clock may have leapt since, and what is deleted cannot be had back. A
 * process that starts anew waits anew.
 */
import type { AppliedManifestWork } from '@flotilla/api';
import { recordedResources } from './applied-resources.js';

export type EvictionStep =
  | { readonly type: 'none' }
  /** The work is there (again). */
  | { readonly type: 'clear' }
  | { readonly type: 'begin'; readonly waitMs: number }
  | { readonly type: 'wait'; readonly waitMs: number }
  | { readonly type: 'delete' };

export interface EvictionFacts {
  readonly hubHash: string;
  /** Whether the hub has a work of the inventory's name. */
  readonly hasWork: boolean;
  readonly gracePeriodMs: number;
  /** For how long it has been seen missing without a break, whatever the clock on the wall said. */
  readonly missingMs: number;
}

/** From here on, eviction is off: OCM's agent is configured so. */
const neverMs = 100 * 365 * 24 * 3_600_000;

export function planEviction(inventory: AppliedManifestWork, facts: EvictionFacts): EvictionStep {
  const { hubHash, hasWork, gracePeriodMs, missingMs } = facts;
  if (inventory.metadata.deletionTimestamp !== undefined) return { type: 'none' };
  const since = inventory.status?.evictionStartTime;
  const isOfThisHub = inventory.metadata.name?.startsWith(`${hubHash}-`) ?? false;
  if (gracePeriodMs >= neverMs || (hasWork && isOfThisHub)) {
    return { type: since === undefined ? 'none' : 'clear' };
  }
  const isEmpty = recordedResources(inventory).length === 0;
  if (isEmpty) return { type: 'delete' }; // a wait would protect nothing
  if (since === undefined) return { type: 'begin', waitMs: gracePeriodMs };
  const waitMs = gracePeriodMs - missingMs;
  return waitMs > 0 ? { type: 'wait', waitMs } : { type: 'delete' };
}
