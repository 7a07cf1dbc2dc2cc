/**
 * One running watch: initial state, live events, bookmarks and the end of it, written as fast as the peer reads and no
 * faster. It holds no queue: the cache keeps the place of a watch that waits, and ends one that waits too long.
 */
import { newExpired, newInternalError, StatusError } from '@flotilla/api';
import type { Clock, Timer } from '@flotilla/kube';
import type { ResponseSink } from '../server/handler.js';
import type { Revision } from '../storage/store.js';
import type { CachedObject, CacheEvent, CacheWatch, WatchEnd, WatchSink } from '../watch-cache/types.js';
import { errorLine, type WatchEncoder } from './watch-encoder.js';

/** What a watch begins with. */
export interface WatchStart {
  /** Later where it has to be converted first. */
  readonly initial: readonly CachedObject[] | Promise<readonly CachedObject[]>;
  /** The revision of `initial`, when a bookmark must tell that it is complete. */
  readonly endOfInitial: Revision | undefined;
  /** Paused. */
  readonly watch: CacheWatch;
}

export interface WatchStreamOptions {
  readonly clock: Clock;
  readonly encoder: WatchEncoder;
  readonly timeoutMs: number;
  /** The client wants bookmarks. */
  readonly bookmarks: boolean;
}

const bookmarkIntervalMs = 60_000;
/** The last bookmark comes so long before the timeout. */
const lastBookmarkMs = 2_000;
const sliceBytes = 256 * 1024;
/** A peer that takes nothing of the initial state for so long is given up; later on the cache sees to that. */
const stallTimeoutMs = 30_000;

export class WatchStream implements WatchSink {
  readonly #sink: ResponseSink;
  readonly #options: WatchStreamOptions;
  readonly #deadlineMs: number;
  #watch: CacheWatch | undefined;
  #initial: readonly CachedObject[] = [];
  #nextInitial = 0;
  #endOfInitial: Revision | undefined;
  #hasBegun = false;
  #isLive = false;
  #isBlocked = false;
  #isOver = false;
  #bookmarked = 0n as Revision;
  #timer: Timer | undefined;
  #stallTimer: Timer | undefined;

  constructor(sink: ResponseSink, options: WatchStreamOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#deadlineMs = options.clock.monotonicMs() + options.timeoutMs;
  }

  /** `open` opens the cache's watch; what it throws as StatusError becomes an ERROR event. */
  start(open: () => WatchStart): void {
    this.#sink.onClose(() => this.#stop());
    this.#sink.onDrain(() => this.#onDrain());
    if (this.#isOver) return;
    let start: WatchStart;
    try {
      start = open();
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.#fail(error);
      return;
    }
    this.#watch = start.watch;
    this.#endOfInitial = start.endOfInitial;
    this.#schedule();
    if (start.initial instanceof Promise) {
      start.initial.then(
        (initial) => this.#begin(initial),
        (error: unknown) => this.onFailure(error),
      );
    } else {
      this.#begin(start.initial);
    }
  }

  #begin(initial: readonly CachedObject[]): void {
    if (this.#isOver) return;
    this.#hasBegun = true;
    this.#initial = initial;
    this.#sendInitial();
  }

  /** Ends the watch with an ERROR event. */
  onFailure(error: unknown): void {
    if (this.#isOver) return;
    const message = error instanceof Error ? error.message : String(error);
    this.#fail(error instanceof StatusError ? error : newInternalError(message, { cause: error }));
  }

  onEvents(events: readonly CacheEvent[]): boolean {
    if (this.#isOver) return true;
    const { encoder } = this.#options;
    const first = events[0];
    const bytes =
      events.length === 1 && first !== undefined
        ? encoder.event(first)
        : Buffer.concat(events.map((event) => encoder.event(event)));
    return this.#write(bytes);
  }

  onEnd(reason: WatchEnd): void {
    this.#watch = undefined;
    if (this.#isOver) return;
    if (reason === 'expired') this.#fail(newExpired('too old resource version: the watch fell behind'));
    else this.#finish();
  }

  #write(bytes: Uint8Array): boolean {
    this.#isBlocked = !this.#sink.write(bytes);
    if (this.#isBlocked && !this.#isLive) {
      this.#stallTimer = this.#options.clock.setTimer(stallTimeoutMs, () => this.#finish());
    }
    return !this.#isBlocked;
  }

  #onDrain(): void {
    if (this.#isOver || !this.#hasBegun) return;
    this.#isBlocked = false;
    this.#stallTimer?.cancel();
    if (this.#isLive) this.#watch?.resume();
    else this.#sendInitial();
  }

  /** Writes slices of the initial state while the peer takes them, then goes live. */
  #sendInitial(): void {
    const { encoder } = this.#options;
    while (this.#nextInitial < this.#initial.length) {
      const lines: Uint8Array[] = [];
      let size = 0;
      while (this.#nextInitial < this.#initial.length && size < sliceBytes) {
        const object = this.#initial[this.#nextInitial++];
        if (object === undefined) break;
        const bytes = encoder.initial(object);
        lines.push(bytes);
        size += bytes.length;
      }
      if (!this.#write(Buffer.concat(lines, size)) || this.#isOver) return;
    }
    this.#initial = [];
    this.#nextInitial = 0;
    this.#isLive = true;
    if (this.#endOfInitial !== undefined && this.#options.bookmarks) {
      this.#bookmarked = this.#endOfInitial;
      if (!this.#write(encoder.bookmark(this.#endOfInitial, { endsInitial: true }))) {
        this.#watch?.pause();
        return;
      }
    }
    if (!this.#isOver) this.#watch?.resume();
  }

  /** One timer for bookmarks and for the end. */
  #schedule(): void {
    const leftMs = this.#deadlineMs - this.#options.clock.monotonicMs();
    let delayMs = leftMs;
    if (this.#options.bookmarks) {
      const beforeLastMs = leftMs - lastBookmarkMs;
      if (beforeLastMs > 0) delayMs = Math.min(bookmarkIntervalMs, beforeLastMs);
    }
    this.#timer = this.#options.clock.setTimer(Math.max(0, delayMs), () => this.#onTimer());
  }

  #onTimer(): void {
    if (this.#isOver) return;
    if (this.#options.clock.monotonicMs() >= this.#deadlineMs) {
      this.#finish();
      return;
    }
    this.#bookmark();
    if (!this.#isOver) this.#schedule();
  }

  #bookmark(): void {
    if (!this.#options.bookmarks || !this.#isLive || this.#isBlocked || this.#watch === undefined) return;
    const revision = this.#watch.deliveredRevision;
    if (revision <= this.#bookmarked) return;
    this.#bookmarked = revision;
    // A full peer drains later and the watch is resumed then; events that come meanwhile wait in the cache.
    const bytes = this.#options.encoder.bookmark(revision, { endsInitial: false });
    if (!this.#write(bytes)) this.#watch?.pause();
  }

  #fail(error: StatusError): void {
    this.#sink.write(errorLine(error.status));
    this.#finish();
  }

  #finish(): void {
    this.#stop();
    this.#sink.end();
  }

  #stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#stallTimer?.cancel();
    this.#watch?.close();
    this.#watch = undefined;
    this.#initial = [];
  }
}
