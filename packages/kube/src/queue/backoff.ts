/**
 * Growing delays for whoever tries again: doubling from a first delay to a cap, spread by chance so that a fleet
 * that lost its hub does not come back at once, and forgotten after a quiet time. Called by informers and agents.
 */
import type { Clock, Random } from '../env/env.js';

export interface BackoffOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Default 800. */
  readonly initialMs?: number;
  /** Default 30,000; the longest delay, spread included. */
  readonly maxMs?: number;
  /** Default 120,000: without a failure for so long, the next delay is the first one again. */
  readonly resetAfterMs?: number;
}

export interface Backoff {
  /** The next delay, between half of the step and the step. */
  nextMs(): number;
  reset(): void;
}

export function createBackoff(options: BackoffOptions): Backoff {
  const { clock, random, initialMs = 800, maxMs = 30_000, resetAfterMs = 120_000 } = options;
  let stepMs = initialMs;
  let quietSinceMs = Number.NEGATIVE_INFINITY;
  return {
    nextMs() {
      const nowMs = clock.monotonicMs();
      if (nowMs - quietSinceMs > resetAfterMs) stepMs = initialMs;
      const delayMs = Math.round(stepMs * (0.5 + random.next() / 2));
      stepMs = Math.min(stepMs * 2, maxMs);
      quietSinceMs = nowMs + delayMs;
      return delayMs;
    },
    reset() {
      stepMs = initialMs;
    },
  };
}
