/**
 * How many wrong guesses an address has, and all addresses together, in a minute. The secrets of invitations cannot
 * be guessed; this is so that nobody keeps the hub busy with trying. What was right never counts. One for each hub
 * process; memory is bounded.
 */
import type { Clock } from '@flotilla/kube';

export interface AttemptLimits {
  readonly windowMs: number;
  /** Wrong attempts of one address in a window. A person who mistypes needs a few. */
  readonly perAddress: number;
  /** Wrong attempts of all addresses together. */
  readonly total: number;
  /** Addresses that are told apart; the total bounds what others can do meanwhile. */
  readonly maxAddresses: number;
}

export const defaultAttemptLimits: AttemptLimits = Object.freeze({
  windowMs: 60_000,
  perAddress: 10,
  total: 300,
  maxAddresses: 1000,
});

export class AttemptLimit {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #limits: AttemptLimits;
  readonly #counts = new Map<string, number>();
  #total = 0;
  #startMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonicMs'>, limits: AttemptLimits = defaultAttemptLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Milliseconds until the address may try again; 0: it may now. */
  waitMs(address: string): number {
    const nowMs = this.#renew();
    const { perAddress, total, windowMs } = this.#limits;
    const isOver = this.#total >= total || (this.#counts.get(address) ?? 0) >= perAddress;
    return isOver ? this.#startMs + windowMs - nowMs : 0;
  }

  /** The address was wrong. */
  count(address: string): void {
    this.#renew();
    this.#total += 1;
    const known = this.#counts.get(address);
    if (known !== undefined || this.#counts.size < this.#limits.maxAddresses)
      this.#counts.set(address, (known ?? 0) + 1);
  }

  #renew(): number {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#startMs >= this.#limits.windowMs) {
      this.#startMs = nowMs;
      this.#total = 0;
      this.#counts.clear();
    }
    return nowMs;
  }
}
