/** For how long the servers of a soak keep the past, so that what is kept on purpose is full before the judging. Pure. */

/** What a server keeps by default. */
const longestSeconds = 300;
/** Recent events fill memory for one interval, history the store for up to three; one more to come to rest. */
const intervalsToFill = 4;

/** `--etcd-compaction-interval` for a soak with so long a warm-up, in seconds. */
export function historySeconds(warmUpSeconds: number): number {
  return Math.min(longestSeconds, Math.max(1, Math.floor(warmUpSeconds / intervalsToFill)));
}
