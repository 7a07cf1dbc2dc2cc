/**
 * The real clock. Timers are unref'd, so that a pending one keeps no process alive, and may be longer than the
 * 24.8 days that setTimeout can count. Called by `createNodeEnv`.
 */
import type { Clock, Timer } from '../env/env.js';

/** The longest delay that setTimeout takes; beyond it Node fires at once. */
const maxDelayMs = 2 ** 31 - 1;

export function createNodeClock(): Clock {
  return { now: () => Date.now(), monotonicMs: () => performance.now(), setTimer };
}

function setTimer(delayMs: number, fn: () => void): Timer {
  let leftMs = Math.max(0, delayMs);
  let handle: NodeJS.Timeout;
  const arm = (): void => {
    const stepMs = Math.min(leftMs, maxDelayMs);
    leftMs -= stepMs;
    handle = setTimeout(leftMs > 0 ? arm : fn, stepMs);
    handle.unref();
  };
  arm();
  return { cancel: () => clearTimeout(handle) };
}
