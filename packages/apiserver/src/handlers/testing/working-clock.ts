/** A clock on which work takes time: each look at it costs a millisecond. For tests of what gives way. */
import type { Clock } from '@flotilla/kube';

export function workingClock(clock: Clock): Clock {
  let workedMs = 0;
  return {
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs() + workedMs++,
    setTimer: (delayMs, fn) => clock.setTimer(delayMs, fn),
  };
}
