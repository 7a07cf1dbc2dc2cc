/** Many writes at a time, but not all at once. Called by the loops of this folder. */

/** Enough to share a group commit. */
const batchSize = 64;

/** All calls of a batch have ended when it throws the first failure. */
export async function inBatches<T>(items: readonly T[], call: (item: T) => Promise<unknown>): Promise<void> {
  for (let start = 0; start < items.length; start += batchSize) {
    const outcomes = await Promise.allSettled(items.slice(start, start + batchSize).map(call));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }
}
