/**
 * The current objects in memory plus, per resource, a window of recent events: every get, list and watch of the API
 * server is served from here. It follows the store's own watch, so it holds nothing that is not durable.
 * Stores deliver events before a write resolves: a caller reads its own writes. Those of other processes on a shared
 * store are there after `catchUp`.
 */
import type { Clock, Timer } from '@flotilla/kube';
import { compareKeys, parseKey, registryPrefix } from '../storage/keys.js';
import { openSnapshot } from '../storage/open-snapshot.js';
import {
  CompactedError,
  type Revision,
  type Store,
  type StoredValue,
  type StoreEvent,
  type StoreWatch,
} from '../storage/store.js';
import { Change, EncodedBytes } from './cache-event.js';
import { CacheEntry, type EntryIdentity } from './cached-object.js';
import { type Channel, Delivery, type Watch } from './delivery.js';
import { EventWindow } from './event-window.js';
import { LabelIndexes } from './label-indexes.js';
import { ObjectIndex } from './object-index.js';
import { defaultWatchCacheOptions } from './options.js';
import { planResync } from './plan-resync.js';
import { listObjects } from './snapshot.js';
import type {
  CachedObject,
  CacheWatch,
  CandidateOptions,
  ListOptions,
  ListResult,
  WaitOptions,
  WatchCacheOptions,
  WatchCacheStats,
  WatchOptions,
  WatchSink,
} from './types.js';
import { Waiters } from './waiters.js';
import { WatchSet } from './watch-set.js';

export interface WatchCacheDependencies {
  readonly store: Store;
  readonly clock: Clock;
}

interface Resource extends Channel {
  readonly objects: ObjectIndex<CacheEntry>;
  readonly labels: LabelIndexes<CacheEntry>;
}

const none = 0n as Revision;
const resyncRetryMs = 1_000;

export class WatchCache {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #options: WatchCacheOptions;
  readonly #resources = new Map<string, Resource>();
  readonly #encoded: EncodedBytes;
  readonly #delivery: Delivery;
  readonly #waiters: Waiters;
  #storeWatch: StoreWatch | undefined;
  #sweepTimer: Timer | undefined;
  #resyncTimer: Timer | undefined;
  #closed = false;
  #revision = none;
  /** Windows begin here: older history was compacted before the cache was loaded, or is too much to load. */
  #startRevision = none;
  /** Objects that the history being loaded has shown, so that its events share them; only while loading. */
  #loading: Map<string, CacheEntry> | undefined;
  #objectCount = 0;
  #objectBytes = 0;
  #eventCount = 0;
  #eventBytes = 0;

  constructor({ store, clock }: WatchCacheDependencies, options: Partial<WatchCacheOptions> = {}) {
    this.#store = store;
    this.#clock = clock;
    this.#options = { ...defaultWatchCacheOptions, ...options };
    this.#encoded = new EncodedBytes(this.#options.maxEncodedBytes);
    this.#waiters = new Waiters(clock);
    this.#delivery = new Delivery({ clock, options: this.#options, currentRevision: () => this.#revision });
  }

  /** Loads the state and the window, then follows the store. Call once, before anything else. */
  async start(): Promise<void> {
    await this.#load();
    this.#loading = new Map();
    this.#keep(await this.#follow());
    this.#loading = undefined;
    this.#scheduleSweep();
  }

  /** Ends every watch as 'closed' and follows the store no more. */
  close(): void {
    this.#closed = true;
    this.#storeWatch?.close();
    this.#sweepTimer?.cancel();
    this.#resyncTimer?.cancel();
    this.endAllWatches();
    for (const { labels } of this.#resources.values()) labels.close();
    this.#waiters.end(new Error('the watch cache is closed'));
  }

  /** Newest revision the cache has seen; 0 before `start`. */
  get currentRevision(): Revision {
    return this.#revision;
  }

  get(key: string): CachedObject | undefined {
    const parsed = parseKey(key);
    return parsed && this.#resources.get(parsed.prefix)?.objects.get(parsed.namespace, key);
  }

  /** `prefix` is a resourcePrefix. Throws CompactedError when the snapshot asked for has left the window. */
  list(prefix: string, options: ListOptions = {}): ListResult {
    const { objects, window } = this.#resource(prefix);
    if (options.revision !== undefined) assertHeld(window, options.revision);
    return listObjects({ objects, window, currentRevision: this.#revision }, options);
  }

  /**
   * As `list`, without those that cannot have the label, as far as the cache can tell without looking at each: who asks
   * still has to ask each object. Throws CompactedError likewise.
   */
  candidates(prefix: string, { having, ...options }: CandidateOptions): ListResult {
    const { objects, labels, window } = this.#resource(prefix);
    if (options.revision !== undefined) assertHeld(window, options.revision);
    // Of a small namespace all are looked at sooner than all that have the label anywhere.
    const isWorthIt = objects.count(options.namespace) >= this.#options.labelIndexFrom;
    const current = isWorthIt ? labels.find(having) : undefined;
    return listObjects({ objects, window, currentRevision: this.#revision, current }, options);
  }

  /** `prefix` is a resourcePrefix. Throws CompactedError when `after` has left the window. */
  watch(prefix: string, options: WatchOptions, sink: WatchSink): CacheWatch {
    const resource = this.#resource(prefix);
    const after = options.after ?? this.#revision;
    assertHeld(resource.window, after);
    const seq = resource.window.seqAfter(after);
    return this.#delivery.open(resource, { ...options, seq, floor: after }, sink);
  }

  /** Resolves true once `currentRevision >= revision`, false at the timeout; rejects with the signal's reason. */
  waitFor(revision: Revision, options: WaitOptions): Promise<boolean> {
    return revision <= this.#revision ? Promise.resolve(true) : this.#waiters.wait(revision, options);
  }

  /** waitFor the store's newest revision: what a consistent read must do first. */
  async catchUp(options: WaitOptions): Promise<boolean> {
    return this.waitFor(await this.#store.revision(), options);
  }

  /** Ends every watch as 'closed'. */
  endAllWatches(): void {
    for (const prefix of this.#resources.keys()) this.endWatches(prefix);
  }

  /** Ends all watches of a resource as 'closed', for one that is no longer served. */
  endWatches(prefix: string): void {
    for (const watch of [...this.#resource(prefix).watches]) this.#delivery.end(watch, 'closed');
  }

  stats(): WatchCacheStats {
    return {
      objects: this.#objectCount,
      objectBytes: this.#objectBytes,
      events: this.#eventCount,
      eventBytes: this.#eventBytes,
      encodedBytes: this.#encoded.bytes,
      watches: this.#delivery.watches,
      blockedWatches: this.#delivery.blocked,
      labelIndexes: [...this.#resources.values()].reduce((sum, { labels }) => sum + labels.size, 0),
      droppedWatches: this.#delivery.dropped,
    };
  }

  /** Some values at a time, so that they and the objects made of them are not all in memory twice. */
  async #load(): Promise<void> {
    const entries: (readonly [EntryIdentity, CacheEntry])[] = [];
    const snapshot = await openSnapshot(this.#store);
    try {
      for (const batch of snapshot.batches()) {
        for (const item of batch) {
          const identity = this.#identity(item.key);
          if (identity !== undefined) entries.push([identity, entryOf(identity, item)]);
        }
      }
    } finally {
      snapshot.close();
    }
    this.#revision = snapshot.revision;
    this.#startRevision = await this.#windowStart();
    // In key order each is put behind the one before it.
    entries.sort(([, a], [, b]) => compareKeys(a.key, b.key));
    for (const [identity, entry] of entries) this.#place(identity, entry, undefined);
  }

  /** The oldest history there is, but for what the windows would not hold anyway. */
  async #windowStart(): Promise<Revision> {
    const compacted = await this.#store.compactedRevision();
    const worthwhile = this.#revision - BigInt(2 * this.#options.maxEventsPerResource);
    return worthwhile > compacted ? (worthwhile as Revision) : compacted;
  }

  /** Follows the store from where the windows begin; a compaction that comes between only moves the start. */
  async #follow(): Promise<StoreWatch> {
    for (;;) {
      try {
        return await this.#store.watch('', this.#startRevision, (events, revision) =>
          this.#onEvents(events, revision),
        );
      } catch (error) {
        if (!(error instanceof CompactedError) || error.compacted <= this.#startRevision) throw error;
        this.#startRevision = error.compacted;
        for (const { window } of this.#resources.values()) window.skipTo(error.compacted);
      }
    }
  }

  #keep(watch: StoreWatch): void {
    this.#storeWatch = watch;
    if (this.#closed) watch.close();
    void watch.lost?.then(() => this.#resync());
  }

  /** After the store could not be followed for longer than it keeps history: only what it holds now can be learnt. */
  async #resync(): Promise<void> {
    if (this.#closed) return;
    try {
      const range = await this.#store.range(registryPrefix);
      const held = new Map<string, CacheEntry>();
      for (const { objects } of this.#resources.values()) {
        for (const entry of objects.iterate(undefined)) held.set(entry.key, entry);
      }
      this.#onEvents(planResync(held, range), range.revision);
      this.#keep(await this.#store.watch('', range.revision, (events, to) => this.#onEvents(events, to)));
    } catch {
      // The store is out of reach again, or has compacted again: reads that need it say so until it is back.
      if (!this.#closed) this.#resyncTimer = this.#clock.setTimer(resyncRetryMs, () => void this.#resync());
    }
  }

  #onEvents(events: readonly StoreEvent[], revision: Revision): void {
    const loaded = this.#revision;
    for (const event of events) {
      const identity = this.#identity(event.key);
      if (identity === undefined) continue;
      if (event.revision > loaded) this.#apply(identity, event);
      else this.#remember(identity, event);
    }
    if (revision > this.#revision) this.#revision = revision;
    this.#trim();
    this.#delivery.pump();
    this.#waiters.reached(this.#revision);
  }

  /** A change after the loaded state. */
  #apply(identity: EntryIdentity, event: StoreEvent): void {
    const { objects } = this.#resource(identity.prefix);
    const previous = objects.get(identity.namespace, identity.key);
    const object = event.value && CacheEntry.fromValue(identity, event.revision, event.value);
    this.#place(identity, object, previous);
    this.#record(identity, { object, previous, revision: event.revision });
  }

  /** A change that the loaded state already holds: for the window only. */
  #remember(identity: EntryIdentity, event: StoreEvent): void {
    const { key, namespace, prefix } = identity;
    const known = this.#loading?.get(key);
    const current = this.#resource(prefix).objects.get(namespace, key);
    const { value, previous: stored, revision } = event;
    const previous = stored && (known?.revision === stored.modRevision ? known : entryOf(identity, stored));
    const object =
      value && (current?.revision === revision ? current : CacheEntry.fromValue(identity, revision, value));
    if (object !== undefined) this.#loading?.set(key, object);
    this.#record(identity, { object, previous, revision });
  }

  #place(identity: EntryIdentity, object: CacheEntry | undefined, previous: CacheEntry | undefined): void {
    const { objects, labels } = this.#resource(identity.prefix);
    if (object !== undefined) objects.set(object);
    else objects.delete(identity.namespace, identity.key);
    labels.replace(previous, object);
    this.#objectCount += (object === undefined ? 0 : 1) - (previous === undefined ? 0 : 1);
    this.#objectBytes += (object?.json.length ?? 0) - (previous?.json.length ?? 0);
  }

  #record(
    { key, prefix, namespace, name }: EntryIdentity,
    parts: Pick<Change, 'object' | 'previous' | 'revision'>,
  ): void {
    const resource = this.#resource(prefix);
    const timeMs = this.#clock.monotonicMs();
    const change = new Change({ key, namespace, name, timeMs, ...parts }, this.#encoded);
    const seq = resource.window.append(change);
    this.#eventCount++;
    this.#eventBytes += change.bytes;
    if (resource.window.size > this.#options.maxEventsPerResource) this.#dropOldest(resource.window);
    this.#delivery.announce(resource, change, seq);
  }

  /** Takes events from the fullest window until all together keep the bound. */
  #trim(): void {
    while (this.#eventBytes > this.#options.maxEventBytes) {
      let fullest: EventWindow | undefined;
      for (const { window } of this.#resources.values()) {
        if (fullest === undefined || window.bytes > fullest.bytes) fullest = window;
      }
      if (fullest === undefined || fullest.size === 0) return;
      this.#dropOldest(fullest);
    }
  }

  #dropOldest(window: EventWindow): void {
    const before = window.bytes;
    window.dropOldest();
    this.#eventCount--;
    this.#eventBytes -= before - window.bytes;
  }

  #scheduleSweep(): void {
    this.#sweepTimer = this.#clock.setTimer(this.#options.sweepIntervalMs, () => {
      this.#sweep();
      this.#scheduleSweep();
    });
  }

  #sweep(): void {
    const deadline = this.#clock.monotonicMs() - this.#options.maxEventAgeMs;
    for (const { window, labels } of this.#resources.values()) {
      while (window.oldest !== undefined && window.oldest.timeMs < deadline) this.#dropOldest(window);
      labels.sweep();
    }
    this.#encoded.rotate();
    this.#delivery.sweep();
  }

  #resource(prefix: string): Resource {
    let resource = this.#resources.get(prefix);
    if (resource === undefined) {
      const window = new EventWindow(this.#startRevision);
      const objects = new ObjectIndex<CacheEntry>();
      const labels = new LabelIndexes({ objects, clock: this.#clock, options: this.#options });
      resource = { objects, labels, window, watches: new WatchSet<Watch>() };
      this.#resources.set(prefix, resource);
    }
    return resource;
  }

  #identity(key: string): EntryIdentity | undefined {
    const parsed = parseKey(key);
    return parsed && { ...parsed, key, freeze: this.#options.freezeObjects };
  }
}

function entryOf(identity: EntryIdentity, stored: StoredValue): CacheEntry {
  return CacheEntry.fromValue(identity, stored.modRevision, stored.value);
}

function assertHeld(window: EventWindow, revision: Revision): void {
  if (revision < window.startRevision) throw new CompactedError(window.startRevision);
}
