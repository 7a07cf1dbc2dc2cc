/**
 * The default store: lmdb files in one directory, multi-version as etcd keeps them. A write is acknowledged, and its
 * event published, only after the transaction that holds it has been synced to disk; concurrent writes share a sync.
 * Reads are synchronous map lookups behind the contract's promises. One process per directory.
 */
import type { Logger } from '@flotilla/kube';
import { type DirectoryLock, lockDirectory } from '@flotilla/kube/node';
import { CommitQueue, type CommitQueueLimits, type CommittedBatch } from '../storage/commit-queue.js';
import { planBatch } from '../storage/plan-batch.js';
import {
  CompactedError,
  type OnStoreEvents,
  type RangeResult,
  type Revision,
  type Store,
  type StoredValue,
  type StoreEvent,
  type StoreSnapshot,
  type StoreWatch,
  type StoreWrite,
  type WriteResult,
} from '../storage/store.js';
import { checkKey, StoreError } from '../storage/store-errors.js';
import { StoreWatches } from '../storage/store-watches.js';
import { LmdbDatabase } from './lmdb-store-database.js';
import { toStoreError } from './lmdb-store-errors.js';
import { ensureDirectory, prepareFiles } from './lmdb-store-files.js';
import type { UpgradeStep } from './lmdb-store-format.js';

export interface LmdbStoreOptions {
  /** Made, mode 0700, when it does not exist; its files are 0600. */
  readonly directory: string;
  readonly log?: Logger;
  readonly limits?: Partial<CommitQueueLimits>;
  /** Steps from older formats; default: this version's. */
  readonly upgradeSteps?: readonly UpgradeStep[];
}

/** Changes looked at in one transaction of a compaction, so that writes get their turn in between. */
const sweepBatch = 1_000;

/** Opens or makes the store. Rejects with a StoreError whose code says what is wrong. */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<Store> {
  const { directory, log } = options;
  let lock: DirectoryLock | undefined;
  try {
    await ensureDirectory(directory);
    lock = await lockDirectory(directory);
    const files = await prepareFiles(directory);
    const { upgradeSteps } = options;
    const database = await LmdbDatabase.open({ directory, files, ...(upgradeSteps && { upgradeSteps }) });
    log?.info('store opened', { directory, revision: String(database.revision), fresh: files.fresh });
    return new LmdbStore({ database, lock, options });
  } catch (error) {
    await lock?.release();
    throw await toStoreError(error, directory);
  }
}

interface LmdbStoreParts {
  readonly database: LmdbDatabase;
  readonly lock: DirectoryLock;
  readonly options: LmdbStoreOptions;
}

class LmdbStore implements Store {
  readonly #database: LmdbDatabase;
  readonly #lock: DirectoryLock;
  readonly #log: Logger | undefined;
  readonly #watches = new StoreWatches();
  readonly #queue: CommitQueue;
  /** Newest revision whose event has been published; the database may be ahead of it for a moment. */
  #published: Revision;
  #closing: Promise<void> | undefined;

  constructor({ database, lock, options }: LmdbStoreParts) {
    this.#database = database;
    this.#lock = lock;
    this.#log = options.log;
    this.#published = database.revision;
    this.#queue = new CommitQueue({
      ...(options.limits && { limits: options.limits }),
      commit: (writes) => this.#commit(writes),
      onCommitted: (events) => this.#publish(events),
    });
  }

  async revision(): Promise<Revision> {
    return this.#open().revision;
  }

  async get(key: string): Promise<StoredValue | undefined> {
    return key === '' ? undefined : this.#open().get(key);
  }

  async range(prefix: string): Promise<RangeResult> {
    const database = this.#open();
    return { items: database.range(prefix), revision: database.revision };
  }

  async write(write: StoreWrite): Promise<WriteResult> {
    checkKey(write.key);
    return this.#queue.enqueue(write);
  }

  async watch(prefix: string, after: Revision, onEvents: OnStoreEvents): Promise<StoreWatch> {
    const database = this.#open();
    const { compacted } = database;
    if (after < compacted) throw new CompactedError(compacted);
    return this.#watches.add({ prefix, after, onEvents }, database.history(after, this.#published));
  }

  async compact(revision: Revision): Promise<void> {
    const begin = await this.#queue.exclusively(async () => {
      const { compacted, swept, revision: newest } = this.#database;
      const wanted = revision < newest ? revision : newest;
      if (wanted <= compacted) return { swept, target: compacted };
      await this.#database.setCompacted(wanted);
      return { swept, target: wanted };
    });
    const { target } = begin;
    let removed = 0;
    for (let { swept } = begin; swept < target; ) {
      const batch = await this.#queue.exclusively(() => this.#sweep(swept, target));
      swept = batch.swept;
      removed += batch.removed;
    }
    this.#log?.debug('store compacted', { revision: String(target), removed });
  }

  async compactedRevision(): Promise<Revision> {
    return this.#open().compacted;
  }

  async snapshot(): Promise<StoreSnapshot> {
    return this.#open().snapshot();
  }

  async advance(revision: Revision): Promise<void> {
    await this.#queue.exclusively(async () => {
      if (revision <= this.#database.revision) return;
      await this.#database.advance(revision);
      this.#published = revision;
    });
    // What the history held is below the compaction now.
    await this.compact(revision);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #commit(writes: readonly StoreWrite[]): Promise<CommittedBatch> {
    const { revision } = this.#database;
    const batch = planBatch(writes, { revision, read: (key) => this.#database.get(key) });
    try {
      if (batch.events.length > 0) await this.#database.append(batch.events);
    } catch (error) {
      this.#log?.error('store commit failed', { error, writes: writes.length });
      throw error;
    }
    return batch;
  }

  #publish(events: readonly StoreEvent[]): void {
    this.#published = events.at(-1)?.revision ?? this.#published;
    this.#watches.publish(events);
  }

  /** What a change at or below the compaction supersedes goes, and the change itself if it is a delete. */
  async #sweep(after: Revision, target: Revision): Promise<{ swept: Revision; removed: number }> {
    const revisions: Revision[] = [];
    let last = target;
    let looks = 0;
    for (const [revision, { previous, value }] of this.#database.records(after, target)) {
      if (previous > 0n) revisions.push(previous);
      if (value === undefined) revisions.push(revision);
      if (++looks < sweepBatch) continue;
      last = revision;
      break;
    }
    await this.#database.forget(revisions, last);
    return { swept: last, removed: revisions.length };
  }

  async #close(): Promise<void> {
    await this.#queue.close();
    this.#watches.clear();
    await this.#database.close();
    await this.#lock.release();
    this.#log?.info('store closed');
  }

  #open(): LmdbDatabase {
    if (this.#closing !== undefined) throw new StoreError('closed', 'the store is closed');
    return this.#database;
  }
}
