/** Default bounds of the watch cache, each with its reason in `types.ts`. */
import type { WatchCacheOptions } from './types.js';

const mebibyte = 1024 * 1024;

export const defaultWatchCacheOptions: WatchCacheOptions = Object.freeze({
  maxEventsPerResource: 16_384,
  // A tenth of the memory budget of a hub with 10,000 clusters.
  maxEventBytes: 192 * mebibyte,
  maxEventAgeMs: 5 * 60_000,
  // Some ten thousand events of 2 KiB in one representation: only a burst needs more, and it builds again.
  maxEncodedBytes: 32 * mebibyte,
  // As long as an HTTP/2 client may stay silent before its peer looks for it.
  blockedTimeoutMs: 30_000,
  // About 5 us each when the bytes are shared: some milliseconds per turn.
  watchesPerTurn: 500,
  eventsPerDelivery: 256,
  bytesPerDelivery: mebibyte,
  // Some 0.1 ms of searching.
  labelIndexFrom: 256,
  maxLabelIndexes: 4,
  labelIndexIdleMs: 10 * 60_000,
  // About 1.5 us each.
  labelIndexObjectsPerTurn: 2_000,
  sweepIntervalMs: 5_000,
  freezeObjects: false,
});
