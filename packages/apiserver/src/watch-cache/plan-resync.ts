/**
 * What must have happened between two looks at the store, when the history in between is compacted away: a change for
 * every key that is not as it was, in the order of revisions. What was changed several times shows its last change
 * only; what is gone shows a deletion at the revision of the second look. Pure.
 */
import type { RangeResult, StoreEvent } from '../storage/store.js';
import type { CachedObject } from './types.js';

/** `held`: all objects of the first look, by key. */
export function planResync(held: ReadonlyMap<string, CachedObject>, range: RangeResult): StoreEvent[] {
  const events: StoreEvent[] = [];
  const present = new Set<string>();
  for (const { key, value, modRevision, createRevision } of range.items) {
    present.add(key);
    if (held.get(key)?.revision === modRevision) continue;
    events.push({ type: 'put', key, value, revision: modRevision, createRevision });
  }
  events.sort((a, b) => (a.revision < b.revision ? -1 : 1));
  for (const [key, { revision }] of held) {
    if (present.has(key)) continue;
    events.push({ type: 'delete', key, revision: range.revision, createRevision: revision });
  }
  return events;
}
