/**
 * Decides a batch of writes: each is compared against what the ones before it leave behind, and those that hold
 * become events with consecutive revisions. Nothing is changed here; a store makes the events durable as one, then
 * publishes them. Pure.
 */
import type { Revision, StoredValue, StoreEvent, StoreWrite, WriteResult } from './store.js';

export interface BatchContext {
  /** Revision before the batch. */
  readonly revision: Revision;
  /** The durable state. */
  read(key: string): StoredValue | undefined;
}

export interface PlannedBatch {
  /** One for each write, in order. */
  readonly results: readonly WriteResult[];
  readonly events: readonly StoreEvent[];
  readonly revision: Revision;
}

export function planBatch(writes: readonly StoreWrite[], context: BatchContext): PlannedBatch {
  const changed = new Map<string, StoredValue | undefined>();
  const results: WriteResult[] = [];
  const events: StoreEvent[] = [];
  let revision = context.revision;
  for (const write of writes) {
    const { key } = write;
    const current = changed.has(key) ? changed.get(key) : context.read(key);
    if (
      (current?.modRevision ?? 0n) !== write.expected ||
      (write.type === 'delete' && current === undefined)
    ) {
      results.push({ ok: false, current });
      continue;
    }
    revision = (revision + 1n) as Revision;
    const createRevision = current?.createRevision ?? revision;
    const previous = current && { previous: current };
    if (write.type === 'put') {
      const { value } = write;
      events.push({ type: 'put', key, revision, value, createRevision, ...previous });
      changed.set(key, { key, value, modRevision: revision, createRevision });
    } else {
      events.push({ type: 'delete', key, revision, createRevision, ...previous });
      changed.set(key, undefined);
    }
    results.push({ ok: true, revision });
  }
  return { results, events, revision };
}
