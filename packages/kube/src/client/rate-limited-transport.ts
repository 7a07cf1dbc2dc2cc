/**
 * A Transport that starts no more requests than it is told: so many at once, then so many in a second, in the order
 * in which they came (client-go's QPS and burst). A watch counts once. Used where an operator limits a klusterlet.
 */
import type { Clock } from '../env/env.js';
import { sleep } from '../env/env.js';
import type { Transport } from './transport.js';

export interface RateLimit {
  /** Requests in a second, on average; above 0. */
  readonly qps: number;
  /** Requests at once after a pause; at least 1. */
  readonly burst: number;
}

/** The transport belongs to it from now on: it closes it. */
export function createRateLimitedTransport(
  inner: Transport,
  { qps, burst, clock }: RateLimit & { readonly clock: Clock },
): Transport {
  const most = Math.max(1, burst);
  let tokens = most;
  let atMs = clock.monotonicMs();
  return {
    request: async (request) => {
      const nowMs = clock.monotonicMs();
      tokens = Math.min(most, tokens + ((nowMs - atMs) / 1000) * qps) - 1;
      atMs = nowMs;
      // Below zero it is a queue: who comes takes a turn, and waits for it.
      if (tokens < 0) await sleep(clock, (-tokens / qps) * 1000, request.signal);
      return inner.request(request);
    },
    close: () => inner.close(),
  };
}
