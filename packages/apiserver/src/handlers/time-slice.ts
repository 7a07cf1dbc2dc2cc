/**
 * How work on a long list gives way: after some milliseconds, and the slices of several lists take turns, one in each
 * turn of the event loop, so that many at a time hold up others no longer than one. Called by what selects from lists
 * and by what writes them.
 */
import { type Clock, sleep } from '@flotilla/kube';

/** A fifth of what the event loop may be late. */
export const sliceMs = 10;

/** The end of the queue of those that wait for their turn, by the clock that they share. */
const queueEnds = new WeakMap<Clock, Promise<void>>();

export class TimeSlice {
  readonly #clock: Clock;
  #endMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#endMs = clock.monotonicMs() + sliceMs;
  }

  get isOver(): boolean {
    return this.#clock.monotonicMs() >= this.#endMs;
  }

  /** After a wait of another kind. */
  begin(): void {
    this.#endMs = this.#clock.monotonicMs() + sliceMs;
  }

  /** Resolves in a later turn of the event loop, in which no other slice runs, with a new slice begun. */
  async giveWay(): Promise<void> {
    const clock = this.#clock;
    const turn = (queueEnds.get(clock) ?? Promise.resolve()).then(() => sleep(clock, 0));
    queueEnds.set(clock, turn);
    await turn;
    this.begin();
  }
}
