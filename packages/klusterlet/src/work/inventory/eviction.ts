/**
 * What happens to an inventory whose work the hub does not have: it waits a while, since the hub may have been
 * restored from an older state, and then goes with all it owns. Decided only when the hub has told all its works. Pure.
 */
import { type AppliedManifestWork, parseTime } from '@flotilla/api';
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
  readonly nowMs: number;
}

/** From here on, eviction is off: OCM's agent is configured so. */
const neverMs = 100 * 365 * 24 * 3_600_000;

export function planEviction(inventory: AppliedManifestWork, facts: EvictionFacts): EvictionStep {
  const { hubHash, hasWork, gracePeriodMs, nowMs } = facts;
  if (inventory.metadata.deletionTimestamp !== undefined) return { type: 'none' };
  const since = inventory.status?.evictionStartTime;
  const isOfThisHub = inventory.metadata.name?.startsWith(`${hubHash}-`) ?? false;
  if (gracePeriodMs >= neverMs || (hasWork && isOfThisHub)) {
    return { type: since === undefined ? 'none' : 'clear' };
  }
  const isEmpty = recordedResources(inventory).length === 0;
  if (isEmpty) return { type: 'delete' }; // a wait would protect nothing
  if (since === undefined) return { type: 'begin', waitMs: gracePeriodMs };
  const waitMs = readTime(since, nowMs) + gracePeriodMs - nowMs;
  return waitMs > 0 ? { type: 'wait', waitMs } : { type: 'delete' };
}

/** A time that cannot be read, or lies ahead of our clock, counts as now: rather late than early. */
function readTime(text: string, nowMs: number): number {
  try {
    return Math.min(parseTime(text), nowMs);
  } catch {
    return nowMs;
  }
}
