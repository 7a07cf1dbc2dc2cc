/**
 * Brings window entries to watches. A watch is live (has everything), queued (will be served in this or a coming
 * turn) or paused (its sink is full, or it has not begun); only a number into the window is kept for it. A watch
 * whose next entry has left the window, or which stays paused by its sink too long, is ended.
 */
import type { Clock } from '@flotilla/kube';
import type { Revision } from '../storage/store.js';
import type { Change } from './cache-event.js';
import { type EventWindow, inScope, type WatchScope } from './event-window.js';
import type {
  CachedObject,
  CacheEvent,
  CacheWatch,
  WatchCacheOptions,
  WatchEnd,
  WatchOptions,
  WatchSink,
} from './types.js';
import type { WatchSet } from './watch-set.js';

/** One resource's window and its watches. */
export interface Channel {
  readonly window: EventWindow;
  readonly watches: WatchSet<Watch>;
}

type WatchState = 'live' | 'queued' | 'paused' | 'closed';

interface DeliveryDependencies {
  readonly clock: Clock;
  readonly options: WatchCacheOptions;
  readonly currentRevision: () => Revision;
}

export class Delivery {
  readonly #clock: Clock;
  readonly #options: WatchCacheOptions;
  readonly #currentRevision: () => Revision;
  readonly #blocked = new Set<Watch>();
  #queue: Watch[] = [];
  #pumping = false;
  #turnPending = false;
  #watches = 0;
  #dropped = 0;

  constructor({ clock, options, currentRevision }: DeliveryDependencies) {
    this.#clock = clock;
    this.#options = options;
    this.#currentRevision = currentRevision;
  }

  get watches(): number {
    return this.#watches;
  }

  get blocked(): number {
    return this.#blocked.size;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get currentRevision(): Revision {
    return this.#currentRevision();
  }

  /** A new watch that has seen everything before `seq` and up to `floor`. */
  open(
    channel: Channel,
    options: WatchOptions & { readonly seq: number; readonly floor: Revision },
    sink: WatchSink,
  ): Watch {
    const watch = new Watch(this, channel, { ...options, sink });
    channel.watches.add(watch);
    this.#watches++;
    return watch;
  }

  /** Queues the live watches that a new change concerns. */
  announce(channel: Channel, change: Change, seq: number): void {
    channel.watches.forEachInterested(change, (watch) => {
      if (watch.state !== 'live') return;
      watch.cursor = seq;
      this.enqueue(watch);
    });
  }

  enqueue(watch: Watch): void {
    watch.state = 'queued';
    this.#queue.push(watch);
  }

  /** Serves queued watches, a bounded number in each turn. */
  pump(): void {
    if (this.#pumping || this.#turnPending) return;
    this.#pumping = true;
    const turn = this.#queue.splice(0, this.#options.watchesPerTurn);
    for (const watch of turn) this.#serve(watch);
    this.#pumping = false;
    if (this.#queue.length === 0) return;
    this.#turnPending = true;
    this.#clock.setTimer(0, () => {
      this.#turnPending = false;
      this.pump();
    });
  }

  /** Ends watches whose peers have not read for too long. */
  sweep(): void {
    const deadline = this.#clock.monotonicMs() - this.#options.blockedTimeoutMs;
    for (const watch of this.#blocked) if (watch.blockedSinceMs <= deadline) this.#drop(watch, 'slow');
  }

  end(watch: Watch, reason: WatchEnd): void {
    if (watch.state === 'closed') return;
    this.remove(watch);
    watch.sink.onEnd(reason);
  }

  remove(watch: Watch): void {
    if (watch.state === 'closed') return;
    watch.state = 'closed';
    watch.channel.watches.delete(watch);
    this.#blocked.delete(watch);
    this.#watches--;
  }

  block(watch: Watch): void {
    watch.blockedSinceMs = this.#clock.monotonicMs();
    this.#blocked.add(watch);
  }

  unblock(watch: Watch): void {
    this.#blocked.delete(watch);
  }

  #serve(watch: Watch): void {
    if (watch.state !== 'queued') return;
    const { window } = watch.channel;
    if (watch.cursor < window.firstSeq) {
      this.#drop(watch, 'expired');
      return;
    }
    const events = this.#take(watch);
    const last = events.at(-1);
    if (last !== undefined) {
      watch.floor = last.revision;
      watch.state = 'paused';
      const open = watch.sink.onEvents(events);
      if (isPaused(watch) && !open) {
        this.block(watch);
        return;
      }
      // The sink may have closed the watch, or have resumed it already.
      if (!isPaused(watch)) return;
    }
    if (watch.cursor >= window.nextSeq) watch.state = 'live';
    else this.enqueue(watch);
  }

  /** The next events for a watch; moves its cursor behind them. */
  #take(watch: Watch): CacheEvent[] {
    const { window } = watch.channel;
    const events: CacheEvent[] = [];
    // Entries looked at count as well as events found: a selector that matches nothing must not hold up a turn.
    let looks = this.#options.eventsPerDelivery * 4;
    let bytes = 0;
    while (
      events.length < this.#options.eventsPerDelivery &&
      bytes < this.#options.bytesPerDelivery &&
      looks-- > 0
    ) {
      watch.cursor = window.seek(watch.cursor, watch);
      const change = window.at(watch.cursor);
      if (change === undefined) break;
      watch.cursor++;
      if (!inScope(watch, change) || change.revision <= watch.after) continue;
      const event = change.seenBy(watch.select);
      if (event === undefined) continue;
      events.push(event);
      bytes += change.eventBytes;
    }
    return events;
  }

  #drop(watch: Watch, reason: WatchEnd): void {
    this.#dropped++;
    this.end(watch, reason);
  }
}

/** A watch as the delivery sees it; callers get it as CacheWatch. */
export class Watch implements CacheWatch, WatchScope {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly select: ((object: CachedObject) => boolean) | undefined;
  readonly channel: Channel;
  readonly sink: WatchSink;
  readonly after: Revision;
  state: WatchState = 'paused';
  /** Everything before this sequence number has been delivered or does not concern the watch. */
  cursor: number;
  /** Known to be delivered, also when the window has moved past the cursor. */
  floor: Revision;
  blockedSinceMs = 0;
  readonly #delivery: Delivery;

  constructor(
    delivery: Delivery,
    channel: Channel,
    options: WatchOptions & { readonly seq: number; readonly floor: Revision; readonly sink: WatchSink },
  ) {
    this.#delivery = delivery;
    this.channel = channel;
    this.sink = options.sink;
    this.namespace = options.namespace;
    this.name = options.name;
    this.select = options.select;
    this.cursor = options.seq;
    this.floor = options.floor;
    this.after = options.floor;
  }

  get deliveredRevision(): Revision {
    const { window } = this.channel;
    if (this.state !== 'live') {
      if (this.cursor < window.firstSeq) return this.floor;
      const next = window.at(window.seek(this.cursor, this));
      if (next !== undefined) return max((next.revision - 1n) as Revision, this.floor);
    }
    return max(this.#delivery.currentRevision, this.floor);
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.#delivery.unblock(this);
    this.#delivery.enqueue(this);
    this.#delivery.pump();
  }

  pause(): void {
    if (this.state === 'closed') return;
    // All that came while it was live and concerned it has been delivered; what did not may leave the window.
    if (this.state === 'live') this.cursor = this.channel.window.nextSeq;
    this.state = 'paused';
    this.#delivery.block(this);
  }

  close(): void {
    this.#delivery.remove(this);
  }
}

/** As a function, for the compiler takes a state it has just seen assigned for unchanged by calls. */
function isPaused(watch: Watch): boolean {
  return watch.state === 'paused';
}

function max(a: Revision, b: Revision): Revision {
  return a > b ? a : b;
}
