/**
 * The public vocabulary of the watch cache: objects, events, watches and bounds. Request handlers and in-process
 * controllers program against these; `watch-cache.ts` implements them.
 */
import type { KubeObject } from '@flotilla/api';
import type { Revision } from '../storage/store.js';

/** One object at one revision. Immutable; equal revisions of a key are the same instance while cached. */
export interface CachedObject {
  readonly key: string;
  /** '' for a cluster-scoped object. */
  readonly namespace: string;
  readonly name: string;
  readonly revision: Revision;
  /** Parsed on demand and held weakly: never change it, keep it only as long as needed. Has metadata.resourceVersion. */
  readonly object: KubeObject;
  /** Wire form of the stored version, metadata.resourceVersion included. Never change it. */
  readonly json: Buffer;
}

export type CacheEventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** A change as one watcher must see it, after selector transitions. Shared by all watchers that see it the same way. */
export interface CacheEvent {
  readonly type: CacheEventType;
  /** For DELETED the last state that matched, under the deletion's revision. */
  readonly object: CachedObject;
  readonly revision: Revision;
  /**
   * The bytes of this event in one representation, built at most once for all watchers while they are cached.
   * `representation` names everything that the bytes depend on (format, version, table columns ...).
   */
  encode(representation: string, build: (event: CacheEvent) => Uint8Array): Uint8Array;
}

/** Why a watch ended on its own. */
export type WatchEnd =
  /** The events it needed next have left the window: answer 410 Expired. */
  | 'expired'
  /** It took nothing for `blockedTimeoutMs`: the peer does not read, drop the connection. */
  | 'slow'
  /** The cache closes, or the resource is no longer served: end the stream cleanly. */
  | 'closed';

/** Where a watch delivers. Neither function may throw. */
export interface WatchSink {
  /**
   * One turn's events, in order, never empty. False when the peer does not keep up: nothing more comes until
   * `CacheWatch.resume`. The events given with it count as taken.
   */
  onEvents(events: readonly CacheEvent[]): boolean;
  /** Called once, and not after `CacheWatch.close`. */
  onEnd(reason: WatchEnd): void;
}

/** What one watch sees. */
export interface WatchOptions {
  /** Only this namespace; absent: all. */
  readonly namespace?: string | undefined;
  /** Only objects of this name; absent: all. */
  readonly name?: string | undefined;
  /** Events with a greater revision; absent: from now on. Wait (`waitFor`) until the cache has reached it. */
  readonly after?: Revision | undefined;
  /** Label and field selectors: objects that come to match are ADDED, those that no longer do DELETED. */
  readonly select?: ((object: CachedObject) => boolean) | undefined;
}

/** A running watch. It starts paused: nothing is delivered before the first `resume`. */
export interface CacheWatch {
  /** Starts delivery, or goes on after `onEvents` returned false. Harmless at any other time. */
  resume(): void;
  /** For a peer that something else than events has filled: nothing more comes until `resume`, as after a false. */
  pause(): void;
  /** Every event up to this revision that concerns the watch has been delivered: safe for a bookmark. */
  readonly deliveredRevision: Revision;
  close(): void;
}

export interface ListOptions {
  readonly namespace?: string | undefined;
  /** Exactly the state at this revision, which must not be beyond `currentRevision`; absent: now. */
  readonly revision?: Revision | undefined;
  /** Only keys greater than this one. */
  readonly startAfter?: string | undefined;
  /** At most so many; 0 or absent: all. */
  readonly limit?: number | undefined;
}

/** A label and the value that it is to have. */
export interface LabelValue {
  readonly label: string;
  readonly value: string;
}

export interface CandidateOptions extends Omit<ListOptions, 'limit'> {
  readonly having: LabelValue;
}

export interface ListResult {
  /** In key order. */
  readonly items: readonly CachedObject[];
  readonly revision: Revision;
  /** Objects in the scope after the last item; 0: the list is complete. */
  readonly remaining: number;
}

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Bounds of the cache. */
export interface WatchCacheOptions {
  /** Events kept per resource. 16,384: `maxEventAgeMs` at 50 writes a second. */
  readonly maxEventsPerResource: number;
  /** Bytes of superseded objects that the windows of all resources keep together. */
  readonly maxEventBytes: number;
  /** Age after which an event leaves the window; etcd's usual compaction keeps as long. */
  readonly maxEventAgeMs: number;
  /** Bytes of encoded events shared among watchers; older encodings are built again when asked for. */
  readonly maxEncodedBytes: number;
  /** How long a watch may take nothing before it is dropped. */
  readonly blockedTimeoutMs: number;
  /** Watches served in one turn of the event loop, so that one event to many does not hold up requests. */
  readonly watchesPerTurn: number;
  /** Events handed to one watch at a time when it catches up. */
  readonly eventsPerDelivery: number;
  /** And no more bytes of objects than about these, or a peer that reads well would still be given too much at once. */
  readonly bytesPerDelivery: number;
  /** A resource with fewer objects is searched: that takes less than an index of its labels. */
  readonly labelIndexFrom: number;
  /** Labels of one resource that have an index at a time; who asks for others makes the cache search. */
  readonly maxLabelIndexes: number;
  /** After how long an index goes that nobody asks. */
  readonly labelIndexIdleMs: number;
  /** Objects that an index takes up in one turn of the event loop while it is built. */
  readonly labelIndexObjectsPerTurn: number;
  /** How often age, blocked watches and unused indexes are looked at. */
  readonly sweepIntervalMs: number;
  /** Freezes parsed objects deeply. For tests: it costs as much as parsing. */
  readonly freezeObjects: boolean;
}

export interface WatchCacheStats {
  readonly objects: number;
  readonly objectBytes: number;
  readonly events: number;
  readonly eventBytes: number;
  readonly encodedBytes: number;
  readonly watches: number;
  readonly blockedWatches: number;
  /** Of all resources. */
  readonly labelIndexes: number;
  /** Watches ended as 'expired' or 'slow' so far. */
  readonly droppedWatches: number;
}
