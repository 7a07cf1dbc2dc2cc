/** A snapshot of any store: its own, or made of a range, which holds everything in memory. Called by the backup. */
import type { Store, StoreSnapshot } from './store.js';

export async function openSnapshot(store: Store): Promise<StoreSnapshot> {
  if (store.snapshot !== undefined) return store.snapshot();
  const { items, revision } = await store.range('');
  const sorted = [...items].sort((a, b) => (a.modRevision < b.modRevision ? -1 : 1));
  return { revision, batches: () => [sorted], close: () => undefined };
}
