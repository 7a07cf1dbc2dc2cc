/** Runs `fn` for each item, at most `concurrency` at a time, in order; rejects with the first failure after all ended. */
export async function forEachLimited<T>(
  items: readonly T[],
  concurrency: number,
  fn: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const failures: unknown[] = [];
  const work = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) {
      try {
        await fn(items[at] as T); // below its length
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, work));
  if (failures.length > 0) throw failures[0];
}
