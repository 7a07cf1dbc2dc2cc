/**
 * For how long something holds of an inventory, by the clock that never leaps: what a written time says is worth nothing
 * after the clock was set, and what is deleted too early cannot be had back. It runs while this process does. Used by the
 * inventory's reconciler.
 */
import type { AppliedManifestWork } from '@flotilla/api';
import type { Clock } from '@flotilla/kube';

export class Stopwatch {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #running = new Map<string, { readonly uid: string; readonly sinceMs: number }>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Milliseconds since it was asked first; another inventory of the name begins anew. */
  elapsedMs({ metadata: { name = '', uid = '' } }: AppliedManifestWork): number {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#running.get(name);
    if (known?.uid === uid) return nowMs - known.sinceMs;
    this.#running.set(name, { uid, sinceMs: nowMs });
    return 0;
  }

  stop(name: string): void {
    this.#running.delete(name);
  }
}
