/** resourceVersion parameters: parsing, and waiting until the cache is as new as was asked for. */
import { newBadRequest, newStatusError, type StatusError } from '@flotilla/api';
import { storeFailure } from '../registry/store-failure.js';
import type { ApiRequest } from '../server/handler.js';
import type { Revision } from '../storage/store.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';

/** How long a read waits for a revision that is not there yet. */
const waitTimeoutMs = 3_000;

/** The parameter as a revision; 0 for unset. @throws StatusError 400 when it is no number. */
export function parseRevision(resourceVersion: string): Revision {
  if (resourceVersion === '') return 0n as Revision;
  if (!/^\d{1,19}$/.test(resourceVersion)) {
    const quoted = JSON.stringify(resourceVersion);
    throw newBadRequest(
      `resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`,
    );
  }
  return BigInt(resourceVersion) as Revision;
}

/** 504 in the form by which client-go's reflectors recognise a resourceVersion from the future. */
export function newTooLargeResourceVersion(asked: Revision, current: Revision): StatusError {
  return newStatusError(504, 'Timeout', {
    message: `Timeout: Too large resource version: ${asked}, current: ${current}`,
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}

/** Its signal is made when it is first asked for, which few requests need: they find what they want at once. */
type Waiting = Pick<ApiRequest, 'signal'>;

/** Waits until the cache has reached the revision. @throws StatusError 504 when it does not in time. */
export async function waitForRevision(
  cache: WatchCache,
  revision: Revision,
  request: Waiting,
): Promise<void> {
  if (cache.currentRevision >= revision) return;
  if (await cache.waitFor(revision, { timeoutMs: waitTimeoutMs, signal: request.signal })) return;
  throw newTooLargeResourceVersion(revision, cache.currentRevision);
}

/**
 * Waits until the cache holds everything that was written before the call.
 * @throws StatusError 504 when it does not in time, 503 when the store cannot be asked.
 */
export async function waitForLatest(cache: WatchCache, request: Waiting): Promise<void> {
  const isFresh = cache.catchUp({
    timeoutMs: waitTimeoutMs,
    get signal() {
      return request.signal;
    },
  });
  if (
    await isFresh.catch((error: unknown) => {
      throw storeFailure(error);
    })
  )
    return;
  throw newStatusError(504, 'Timeout', {
    message: 'Timeout: the watch cache lags behind the store',
    details: { retryAfterSeconds: 1 },
  });
}
