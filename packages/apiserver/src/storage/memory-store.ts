/**
 * The reference store, in memory: what the contract says and nothing more. In simulations it also is a disk with a
 * delay: a write is acknowledged after a virtual sync, `crash` loses what was not synced (or, as a real disk may,
 * keeps some of it unacknowledged), and `reopen` starts again from what survived. Not for data that matters.
 */
import type { Clock, Random } from '@flotilla/kube';
import { CommitQueue, type CommitQueueLimits, type CommittedBatch } from './commit-queue.js';
import { compareKeys } from './keys.js';
import { type PlannedBatch, planBatch } from './plan-batch.js';
import {
  CompactedError,
  type OnStoreEvents,
  type RangeResult,
  type Revision,
  type Store,
  type StoredValue,
  type StoreEvent,
  type StoreWatch,
  type StoreWrite,
  type WriteResult,
} from './store.js';
import { checkKey, StoreError } from './store-errors.js';
import { StoreWatches } from './store-watches.js';

/** What may go wrong; each function is asked anew each time. */
export interface MemoryStoreFaults {
  /** How long a sync takes; needs `clock`. */
  syncDelayMs?(): number;
  /** The sync fails with this error, and nothing of its batch is kept. */
  failSync?(): StoreError | undefined;
  /** A read fails with this error. */
  failRead?(): StoreError | undefined;
}

export interface MemoryStoreOptions {
  readonly clock?: Clock;
  /** Decides how much of an unacknowledged batch survives a crash; absent: nothing. */
  readonly random?: Random;
  readonly faults?: MemoryStoreFaults;
  readonly limits?: Partial<CommitQueueLimits>;
}

export interface MemoryStore extends Store {
  /** Stops at once: pending writes reject as 'closed', watches hear nothing more. */
  crash(): void;
  /** A new store on what was durable. Call it after `crash` or `close`. */
  reopen(): MemoryStore;
}

export function createMemoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  return new SimulatedStore(new Disk(), options);
}

/** What survives a crash. */
class Disk {
  revision = 1n as Revision;
  compacted = 0n as Revision;
  readonly current = new Map<string, StoredValue>();
  /** Every change since the last compaction, in order. */
  events: StoreEvent[] = [];

  apply({ events }: Pick<PlannedBatch, 'events'>): void {
    for (const event of events) {
      const { key, value, revision, createRevision } = event;
      if (value === undefined) this.current.delete(key);
      else this.current.set(key, { key, value, modRevision: revision, createRevision });
      this.events.push(event);
      this.revision = revision;
    }
  }
}

class SimulatedStore implements MemoryStore {
  readonly #disk: Disk;
  readonly #options: MemoryStoreOptions;
  readonly #watches = new StoreWatches();
  readonly #queue: CommitQueue;
  #closed = false;

  constructor(disk: Disk, options: MemoryStoreOptions) {
    this.#disk = disk;
    this.#options = options;
    this.#queue = new CommitQueue({
      ...(options.limits && { limits: options.limits }),
      commit: (writes) => this.#commit(writes),
      onCommitted: (events) => this.#watches.publish(events),
    });
  }

  async revision(): Promise<Revision> {
    this.#assertReadable();
    return this.#disk.revision;
  }

  async get(key: string): Promise<StoredValue | undefined> {
    this.#assertReadable();
    return this.#disk.current.get(key);
  }

  async range(prefix: string): Promise<RangeResult> {
    this.#assertReadable();
    const items = [...this.#disk.current.values()].filter(({ key }) => key.startsWith(prefix));
    items.sort((a, b) => compareKeys(a.key, b.key));
    return { items, revision: this.#disk.revision };
  }

  async write(write: StoreWrite): Promise<WriteResult> {
    checkKey(write.key);
    return this.#queue.enqueue(write);
  }

  async watch(prefix: string, after: Revision, onEvents: OnStoreEvents): Promise<StoreWatch> {
    this.#assertOpen();
    const { compacted, events } = this.#disk;
    if (after < compacted) throw new CompactedError(compacted);
    return this.#watches.add(
      { prefix, after, onEvents },
      events.filter(({ revision }) => revision > after),
    );
  }

  async compact(revision: Revision): Promise<void> {
    await this.#queue.exclusively(async () => {
      const disk = this.#disk;
      const target = revision < disk.revision ? revision : disk.revision;
      if (target <= disk.compacted) return;
      disk.compacted = target;
      disk.events = disk.events.filter((event) => event.revision > target);
    });
  }

  async compactedRevision(): Promise<Revision> {
    this.#assertOpen();
    return this.#disk.compacted;
  }

  async advance(revision: Revision): Promise<void> {
    await this.#queue.exclusively(async () => {
      const disk = this.#disk;
      if (revision <= disk.revision) return;
      disk.revision = revision;
      disk.compacted = revision;
      disk.events = [];
    });
  }

  async close(): Promise<void> {
    await this.#queue.close();
    this.#stop();
  }

  crash(): void {
    const { random } = this.#options;
    const unsynced = this.#queue.inFlight;
    this.#queue.abandon(new StoreError('closed', 'the store has crashed'));
    if (random !== undefined && !this.#closed && unsynced.length > 0) {
      this.#disk.apply(this.#plan(unsynced.slice(0, Math.floor(random.next() * (unsynced.length + 1)))));
    }
    this.#stop();
  }

  reopen(): MemoryStore {
    return new SimulatedStore(this.#disk, this.#options);
  }

  async #commit(writes: readonly StoreWrite[]): Promise<CommittedBatch> {
    const { clock, faults } = this.#options;
    const delayMs = faults?.syncDelayMs?.() ?? 0;
    if (clock !== undefined && delayMs > 0) {
      await new Promise<void>((resolve) => void clock.setTimer(delayMs, resolve));
    }
    if (this.#closed) throw new StoreError('closed', 'the store has crashed');
    const failure = faults?.failSync?.();
    if (failure !== undefined) throw failure;
    const batch = this.#plan(writes);
    this.#disk.apply(batch);
    return batch;
  }

  #plan(writes: readonly StoreWrite[]): PlannedBatch {
    const { revision, current } = this.#disk;
    return planBatch(writes, { revision, read: (key) => current.get(key) });
  }

  #stop(): void {
    this.#closed = true;
    this.#watches.clear();
  }

  #assertReadable(): void {
    this.#assertOpen();
    const failure = this.#options.faults?.failRead?.();
    if (failure !== undefined) throw failure;
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreError('closed', 'the store is closed');
  }
}
