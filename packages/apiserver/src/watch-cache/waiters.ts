/** Callers waiting for the cache to reach a revision: consistent reads, and reads at a resourceVersion still to come. */
import type { Clock } from '@flotilla/kube';
import type { Revision } from '../storage/store.js';
import type { WaitOptions } from './types.js';

interface Waiter {
  readonly revision: Revision;
  settle(outcome: boolean | Error): void;
}

export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True when `reached` is called in time; rejects when aborted, or when all are ended. */
  wait(revision: Revision, { timeoutMs, signal }: WaitOptions): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const finish = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter = {
        revision,
        settle: (outcome) => {
          finish();
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        },
      };
      const onAbort = (): void => {
        finish();
        reject(signal?.reason);
      };
      const timer = this.#clock.setTimer(timeoutMs, () => waiter.settle(false));
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  reached(revision: Revision): void {
    for (const waiter of this.#waiting) if (waiter.revision <= revision) waiter.settle(true);
  }

  end(error: Error): void {
    for (const waiter of this.#waiting) waiter.settle(error);
  }
}
