// The few sums that the benchmark needs.

export function median(values) {
  return percentile(values, 50);
}

/** Nearest rank: always a value that was measured. The median of an even number is the lower one. */
export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
}

/** Calls `fn(0) … fn(count - 1)`, so many at a time. */
export async function forEachIndex(count, fn, { concurrency }) {
  let next = 0;
  const worker = async () => {
    while (next < count) await fn(next++);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
}

/** Calls `fn(n)` with rising n, so many at a time, until the time is over; calls a second. */
export async function callsPerSecond(fn, { concurrency, seconds }) {
  let next = 0;
  const began = performance.now();
  const end = began + seconds * 1000;
  const worker = async () => {
    while (performance.now() < end) await fn(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { calls: next, perSecond: (next * 1000) / (performance.now() - began) };
}
