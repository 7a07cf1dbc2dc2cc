/**
 * The time in which a container's own process lives. Made late, it runs behind: until it has caught up with the present
 * its waiting takes none, so that its log looks as if it had run all along. The catching up is bounded, and so is what
 * a loop that never waits may take of the server's own time.
 */
import { type Clock, sleep } from '@flotilla/kube';

export interface OwnTimeOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly startedAtMs: number;
  /** When it ended, for one that is made afterwards. */
  readonly finishedAtMs: number | undefined;
  /** Calls once it has come to that. */
  readonly onFinished: () => void;
  readonly onCaughtUp: () => void;
  /** Somebody waits for what it says next. */
  readonly isWatched: () => boolean;
}

/** Of what came before its first look, all is played up to so many waits; then the last ten minutes, as far as so many. */
const maxWaitsFromStart = 1000;
const maxWaits = 20_000;
const maxCatchUpMs = 600_000;
/** After so many pauses without a wait between them the next one takes twice as long. */
const pausesOfALength = 20;
const maxPauseMs = 10_000;
/** A loop that waits less does not count as one that waits. */
const realWaitMs = 10;

export class OwnTime {
  readonly #options: OwnTimeOptions;
  #isCaughtUp = false;
  #cursorMs: number;
  #waits = 0;
  #pauses = 0;

  constructor(options: OwnTimeOptions) {
    this.#options = options;
    this.#cursorMs = options.startedAtMs;
  }

  /** Milliseconds since the epoch. */
  now(): number {
    const { finishedAtMs, clock } = this.#options;
    if (finishedAtMs !== undefined) return Math.min(this.#cursorMs, finishedAtMs);
    return this.#isCaughtUp ? clock.now() : Math.min(this.#cursorMs, clock.now());
  }

  /** From now on it lives in the present. */
  catchUp(): void {
    if (this.#isCaughtUp) return;
    this.#isCaughtUp = true;
    this.#options.onCaughtUp();
  }

  /** Rejects when the process is to stop. */
  async sleep(ms: number): Promise<void> {
    if (ms >= realWaitMs) this.#pauses = 0;
    await this.#wait(ms);
  }

  async pause(): Promise<void> {
    const doublings = Math.floor(this.#pauses / pausesOfALength);
    this.#pauses++;
    if (this.#options.isWatched()) this.#pauses = 0;
    await this.#wait(Math.min(2 ** Math.min(doublings, 20), maxPauseMs));
  }

  async #wait(ms: number): Promise<void> {
    const { clock, signal, finishedAtMs, onFinished } = this.#options;
    this.#cursorMs = (this.#isCaughtUp ? clock.now() : this.#cursorMs) + ms;
    if (finishedAtMs !== undefined && this.#cursorMs >= finishedAtMs) onFinished();
    signal.throwIfAborted();
    const aheadMs = this.#cursorMs - clock.now();
    if (aheadMs > 0) {
      this.catchUp();
      await sleep(clock, aheadMs, signal);
      return;
    }
    this.#waits++;
    if (this.#waits === maxWaitsFromStart) this.#skipTo(maxCatchUpMs);
    if (this.#waits === maxWaits) this.#skipTo(0);
    await null;
  }

  /** Leaves out what happened until so long before its end, or before now. */
  #skipTo(beforeMs: number): void {
    const endMs = this.#options.finishedAtMs ?? this.#options.clock.now();
    this.#cursorMs = Math.max(this.#cursorMs, endMs - beforeMs - 1);
  }
}
