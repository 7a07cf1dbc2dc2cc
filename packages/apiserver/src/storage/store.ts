/**
 * The store below the API server, shaped like etcd's: ordered keys, one global revision, compare-and-set,
 * watch from a revision, compaction. Implementations: lmdb (default), etcd, memory (tests and simulation).
 * One contract suite (`store.contract.ts`) runs against all of them.
 *
 * Guarantees: a resolved write is durable; events are delivered in revision order, each after it is durable and
 * before the write's promise resolves; revisions only grow, also over a crash.
 */

/** Global, strictly increasing; 0 means "none". Never shown to a client except as a decimal resourceVersion. */
export type Revision = bigint & { readonly __brand: 'Revision' };

export interface StoredValue {
  readonly key: string;
  readonly value: Uint8Array;
  /** Revision of the write that made this value. */
  readonly modRevision: Revision;
  readonly createRevision: Revision;
}

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** This event's own revision; for a delete, the delete's. */
  readonly revision: Revision;
  /** Absent for a delete. */
  readonly value?: Uint8Array;
  readonly createRevision: Revision;
  /** What the key held before; absent for a create or when it is compacted away. */
  readonly previous?: StoredValue;
}

/** Put or delete `key` if its modRevision is still `expected` (0: the key must not exist). */
export type StoreWrite =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array; readonly expected: Revision }
  | { readonly type: 'delete'; readonly key: string; readonly expected: Revision };

export type WriteResult =
  | { readonly ok: true; readonly revision: Revision }
  /** Nothing was written; `current` is what is there now. */
  | { readonly ok: false; readonly current: StoredValue | undefined };

export interface RangeResult {
  readonly items: readonly StoredValue[];
  /** The revision at which the range was read. */
  readonly revision: Revision;
}

/** Everything that a store holds at one revision, while writes go on. Close it: it keeps old pages from reuse. */
export interface StoreSnapshot {
  readonly revision: Revision;
  /** All current values in the order of their modRevision, some at a time. To be read once. */
  batches(): Iterable<readonly StoredValue[]>;
  close(): void;
}
/**
 * Events in revision order, and the revision up to which everything has now been delivered: it may lie beyond the last
 * event's, and come without events, where others write, too.
 */
export type OnStoreEvents = (events: readonly StoreEvent[], revision: Revision) => void;

export interface Store {
  /**
   * True when other processes write here, too: events of their writes come after they were told that these are done,
   * so that a consistent read must wait for `revision()` first.
   */
  readonly isShared?: boolean;
  /** Newest durable revision. */
  revision(): Promise<Revision>;
  get(key: string): Promise<StoredValue | undefined>;
  /** All keys that begin with `prefix`, in key order (bytewise UTF-8). */
  range(prefix: string): Promise<RangeResult>;
  write(write: StoreWrite): Promise<WriteResult>;
  /**
   * Calls `onEvents` for every event on keys under `prefix` with a revision greater than `after`, in order and without
   * gaps; all history before it resolves. Throws CompactedError when history that old is gone.
   */
  watch(prefix: string, after: Revision, onEvents: OnStoreEvents): Promise<StoreWatch>;
  /** Forgets superseded values and tombstones at or below `revision`. */
  compact(revision: Revision): Promise<void>;
  compactedRevision(): Promise<Revision>;
  /** Left out by a store that has no other way than `range`; ask by `openSnapshot`. */
  snapshot?(): Promise<StoreSnapshot>;
  /**
   * Makes `revision` the newest and the compacted one, unless the store is beyond it: what is written next comes after
   * it, and no watch can begin before it. Left out by a store whose revisions somebody else counts.
   */
  advance?(revision: Revision): Promise<void>;
  close(): Promise<void>;
}

export interface StoreWatch {
  /**
   * Resolves when the watch has ended because history that it had not delivered is compacted away: for a store in
   * another process that was out of reach for long. Absent: cannot happen.
   */
  readonly lost?: Promise<CompactedError>;
  close(): void;
}

/** The asked-for history was compacted; `compacted` is the oldest revision still whole. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  readonly compacted: Revision;

  constructor(compacted: Revision) {
    super(`history up to revision ${compacted} is compacted`);
    this.compacted = compacted;
  }
}
