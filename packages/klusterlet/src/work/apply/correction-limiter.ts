/**
 * Keeps two writers with different minds from overwriting each other as fast as they can. The first corrections of an
 * object are made at once; an object that keeps being changed back is corrected ever more rarely, up to OCM's pace.
 */
import type { Clock } from '@flotilla/kube';

export interface CorrectionLimiter {
  /** 0 when the correction may be made now, and it counts; otherwise how long to wait. */
  admitMs(id: string): number;
  forget(id: string): void;
}

const freeCorrections = 5;
const firstPauseMs = 1000;
const longestPauseMs = 240_000;
/** After so long without a correction an object starts afresh. */
const quietMs = 600_000;

interface Strikes {
  readonly count: number;
  readonly lastMs: number;
}

export function createCorrectionLimiter(clock: Pick<Clock, 'monotonicMs'>): CorrectionLimiter {
  const strikes = new Map<string, Strikes>();
  return {
    admitMs: (id) => {
      const nowMs = clock.monotonicMs();
      const known = strikes.get(id);
      const { count, lastMs } = known && nowMs - known.lastMs < quietMs ? known : { count: 0, lastMs: nowMs };
      const excess = count - freeCorrections;
      const pauseMs = excess < 0 ? 0 : Math.min(firstPauseMs * 2 ** Math.min(excess, 20), longestPauseMs);
      const waitMs = lastMs + pauseMs - nowMs;
      if (count > 0 && waitMs > 0) return waitMs;
      strikes.set(id, { count: count + 1, lastMs: nowMs });
      return 0;
    },
    forget: (id) => void strikes.delete(id),
  };
}
