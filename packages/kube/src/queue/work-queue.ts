/**
 * A queue of keys for reconcilers: a key waits at most once, is never handed out twice at a time, and comes again if
 * it was added while being worked on. Delayed keys wait on the clock; failing ones with a delay of their own each.
 * Bounded: beyond `maxKeys` a new key is refused and counted. Called by `createController`.
 */
import type { Clock, Timer } from '../env/env.js';

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** First retry delay; default 5. */
  readonly baseDelayMs?: number;
  /**
   * Longest retry delay; default a minute. However long an outage was, everybody has tried again a minute after its
   * end; 10,000 keys that all keep failing are 170 attempts a second.
   */
  readonly maxDelayMs?: number;
  /** Keys that may wait, delayed ones included; default 1,000,000. */
  readonly maxKeys?: number;
}

export interface WorkQueue {
  /** False when the queue is closed or full; the key is then not taken. */
  add(key: string): boolean;
  /** Adds after a delay; of several delays for a key the earliest counts. */
  addAfter(key: string, delayMs: number): boolean;
  /** Adds after the key's own delay, which doubles with each call until `forget`. Returns that delay. */
  addRateLimited(key: string): number;
  /** The key succeeded: its next retry delay is the first one again. */
  forget(key: string): void;
  /** Calls of addRateLimited since the last `forget`. */
  failures(key: string): number;
  /** The next key, which its taker must pass to `done`; undefined after close. */
  take(): Promise<string | undefined>;
  done(key: string): void;
  /** Hands out nothing any more, forgets delayed keys and wakes all takers. */
  close(): void;
  /** Keys ready to be taken. */
  readonly length: number;
  /** Keys waiting for their delay. */
  readonly delayed: number;
  /** Keys taken and not yet done. */
  readonly active: number;
  /** Keys refused because the queue was full. */
  readonly refused: number;
}

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  return new KeyQueue(options);
}

interface Delayed {
  readonly dueMs: number;
  readonly timer: Timer;
}

class KeyQueue implements WorkQueue {
  readonly #options: Required<WorkQueueOptions>;
  /** Insertion order is the order of work. */
  readonly #ready = new Set<string>();
  readonly #active = new Set<string>();
  /** Added while active. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;
  #refused = 0;

  constructor(options: WorkQueueOptions) {
    this.#options = { baseDelayMs: 5, maxDelayMs: 60_000, maxKeys: 1_000_000, ...options };
  }

  get length(): number {
    return this.#ready.size;
  }

  get delayed(): number {
    return this.#delayed.size;
  }

  get active(): number {
    return this.#active.size;
  }

  get refused(): number {
    return this.#refused;
  }

  add(key: string): boolean {
    if (this.#closed) return false;
    if (this.#ready.has(key) || this.#again.has(key)) return true;
    if (this.#active.has(key)) {
      this.#again.add(key);
      return true;
    }
    if (!this.#delayed.has(key) && this.#isFull()) return false;
    this.#cancelDelay(key);
    const taker = this.#takers.shift();
    if (taker === undefined) {
      this.#ready.add(key);
    } else {
      this.#active.add(key);
      taker(key);
    }
    return true;
  }

  addAfter(key: string, delayMs: number): boolean {
    if (delayMs <= 0) return this.add(key);
    if (this.#closed) return false;
    if (this.#ready.has(key) || this.#again.has(key)) return true;
    const dueMs = this.#options.clock.monotonicMs() + delayMs;
    const earlier = this.#delayed.get(key);
    if (earlier !== undefined && earlier.dueMs <= dueMs) return true;
    if (earlier === undefined && this.#isFull()) return false;
    earlier?.timer.cancel();
    const timer = this.#options.clock.setTimer(delayMs, () => this.#due(key));
    this.#delayed.set(key, { dueMs, timer });
    return true;
  }

  addRateLimited(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    const { baseDelayMs, maxDelayMs } = this.#options;
    const delayMs = Math.min(baseDelayMs * 2 ** Math.min(failures, 50), maxDelayMs);
    if (this.#closed) return delayMs;
    if (this.addAfter(key, delayMs)) this.#failures.set(key, failures + 1);
    return delayMs;
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    for (const key of this.#ready) {
      this.#ready.delete(key);
      this.#active.add(key);
      return Promise.resolve(key);
    }
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#active.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#ready.clear();
    this.#again.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #due(key: string): void {
    // Out of `delayed` only after `add` has seen it there: a key that was accepted once is never refused later.
    this.add(key);
    this.#delayed.delete(key);
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.timer.cancel();
    this.#delayed.delete(key);
  }

  #isFull(): boolean {
    if (this.#ready.size + this.#delayed.size < this.#options.maxKeys) return false;
    this.#refused++;
    return true;
  }
}
