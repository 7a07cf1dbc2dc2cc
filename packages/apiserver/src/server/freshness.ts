/**
 * What a replica must know before it answers, where several servers share a store: everything that any of them had
 * acknowledged when the request came. Writes and consistent reads first wait until the watch cache has come so far,
 * which costs one question to the store, shared by all who ask at the time. A read that names a resourceVersion takes
 * what is there, and asks only when it would be refused for something that this replica may not have seen yet.
 */
import { newStatusError } from '@flotilla/api';
import { storeFailure } from '../registry/store-failure.js';
import type { Store } from '../storage/store.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import type { ApiRequest } from './handler.js';
import type { HealthCheck } from './health.js';
import type { RequestInfo } from './request-info.js';

export interface Freshness {
  /** True for a request that may be answered from what is there. */
  mayBeStale(info: RequestInfo, request: ApiRequest): boolean;
  /** Waits until the cache holds everything acknowledged so far. @throws StatusError 503, 504 */
  catchUp(signal: AbortSignal): Promise<void>;
}

const timeoutMs = 5_000;
/** Refusals that a newer state may turn into an answer. */
const doubtful: ReadonlySet<number> = new Set([401, 403, 404]);

/** Undefined for a store that no other process writes to: its events come before its writes are acknowledged. */
export function createFreshness(store: Store, cache: WatchCache): Freshness | undefined {
  if (store.isShared !== true) return undefined;
  return {
    mayBeStale: ({ isResource }, { method, query }) =>
      !isResource || (method === 'GET' && (query.get('resourceVersion') ?? '') !== ''),
    catchUp: async (signal) => {
      let isFresh: boolean;
      try {
        isFresh = await cache.catchUp({ timeoutMs, signal });
      } catch (error) {
        throw storeFailure(error);
      }
      if (isFresh) return;
      throw newStatusError(504, 'Timeout', {
        message: 'Timeout: the watch cache lags behind the store',
        details: { retryAfterSeconds: 1 },
      });
    },
  };
}

/** True for an answer to a possibly stale request that is worth a second look. */
export function isDoubtful(status: number): boolean {
  return doubtful.has(status);
}

/** A server that cannot reach its shared store is not ready, as kube-apiserver says: others may be. */
export function storeHealth(store: Store): readonly HealthCheck[] {
  if (store.isShared !== true) return [];
  const check = async (): Promise<string | undefined> => {
    try {
      await store.revision();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  return [{ name: 'etcd', check }];
}
