/**
 * A clock that stands still until a test moves it. Each timer fires at its own instant and in the order in which
 * timers were set; between two timers all promises settle, so that a run is the same every time. Real I/O takes no
 * virtual time and is not waited for.
 */
import type { Clock, Timer } from '../env/env.js';
import { TimerHeap } from './timer-heap.js';

export interface VirtualClockOptions {
  /** Default 2026-01-01T00:00:00Z. */
  readonly startMs?: number;
}

export interface RunLimits {
  /** Virtual time after which the run is given up. */
  readonly limitMs?: number;
}

export interface VirtualClock extends Clock {
  /** Moves on by this time and fires what is due in it. */
  advance(durationMs: number): Promise<void>;
  /** Time passes and nobody notices, as when all machines sleep: what was due fires late, with the next `advance`. */
  jump(durationMs: number): void;
  /** Moves from timer to timer until the predicate holds; throws after `limitMs` (default one hour) or when no timer is left. */
  runUntil(predicate: () => boolean, limits?: RunLimits): Promise<void>;
  /** Moves until no timer is left; throws after `limitMs` (default one day). */
  runAll(limits?: RunLimits): Promise<void>;
  /** Lets all promises settle without moving. */
  settle(): Promise<void>;
  /** Timers that have not fired. */
  readonly pending: number;
}

/** No timer waits for less: what is too little to be seen in the sum would never be over. */
const tickMs = 0.001;

export function createVirtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const startMs = options.startMs ?? 1_767_225_600_000;
  const timers = new TimerHeap();
  let elapsedMs = 0;

  const fireNext = async (untilMs: number): Promise<boolean> => {
    const next = timers.peek();
    if (next === undefined || next.dueMs > untilMs) return false;
    timers.pop();
    elapsedMs = Math.max(elapsedMs, next.dueMs);
    next.fn();
    await settle();
    return true;
  };

  return {
    now: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    setTimer: (delayMs: number, fn: () => void): Timer =>
      timers.push(elapsedMs + (delayMs > 0 ? Math.max(delayMs, tickMs) : 0), fn),
    settle,
    get pending() {
      return timers.size;
    },
    async advance(durationMs) {
      const untilMs = elapsedMs + durationMs;
      await settle();
      while (await fireNext(untilMs));
      elapsedMs = untilMs;
    },
    jump: (durationMs) => {
      elapsedMs += durationMs;
    },
    async runUntil(predicate, { limitMs = 3_600_000 } = {}) {
      const untilMs = elapsedMs + limitMs;
      await settle();
      while (!predicate()) {
        if (await fireNext(untilMs)) continue;
        const why = timers.size === 0 ? 'no timer is left' : `${limitMs} ms of virtual time have passed`;
        throw new Error(`the awaited state was not reached: ${why}`);
      }
    },
    async runAll({ limitMs = 86_400_000 } = {}) {
      const untilMs = elapsedMs + limitMs;
      await settle();
      while (await fireNext(untilMs));
      if (timers.size > 0) throw new Error(`timers are still pending after ${limitMs} ms of virtual time`);
    },
  };
}

/** The check phase comes after all microtasks and next-tick callbacks, those included that they start. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
