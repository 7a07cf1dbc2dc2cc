/**
 * The lmdb files of one store: synchronous reads of what is durable, and transactions that resolve once they are.
 * With `overlappingSync` off lmdb syncs the data pages, then writes the meta page to a descriptor opened O_DSYNC, and
 * only then resolves: that order is what an acknowledged write stands on. Used by lmdb-store.ts alone.
 */
import { open, type RootDatabase, type Transaction } from 'lmdb';
import type { Revision, StoredValue, StoreEvent, StoreSnapshot } from '../storage/store.js';
import { StoreError } from '../storage/store-errors.js';
import { asDamage, demandSpace, rootCause, toStoreError } from './lmdb-store-errors.js';
import { discardFiles, type PreparedFiles } from './lmdb-store-files.js';
import {
  counters,
  formatVersion,
  readFormat,
  type Table,
  type UpgradeStep,
  upgrade,
  writeFormat,
} from './lmdb-store-format.js';
import {
  damaged,
  decodeCounter,
  decodeHistory,
  decodePointer,
  encodeCounter,
  encodeHistory,
  encodePointer,
  encodeRevision,
  type HistoryRecord,
  recordOf,
} from './lmdb-store-records.js';

const firstRevision = 1n as Revision;

type Bytes = RootDatabase<Buffer, Buffer>;
type Counter = keyof typeof counters;

/** A transaction that changes counters, or frees what it touches. */
const smallSpaceBytes = 128 * 1024;
/** For each change: its way through two trees and the list of free pages, every page copied. */
const treeSpaceBytes = 32 * 1024;
/**
 * Address space for the file, as long as it is not larger. Without it lmdb begins with little and maps the file anew each
 * time it has outgrown that, keeping the former maps, so that the same pages count twice and more in what is resident.
 */
const mapBytes = 16 * 1024 ** 3;
/** Records looked at in one turn: a millisecond or two. */
const snapshotBatch = 200;

export interface DatabaseOptions {
  readonly directory: string;
  readonly files: PreparedFiles;
  /** Default: this version's. */
  readonly upgradeSteps?: readonly UpgradeStep[];
}

export class LmdbDatabase {
  readonly #directory: string;
  readonly #root: Bytes;
  readonly #objects: Table;
  readonly #history: Table;
  readonly #meta: Table;
  #revision = firstRevision;

  private constructor(directory: string, root: Bytes) {
    this.#directory = directory;
    this.#root = root;
    const options = { encoding: 'binary', keyEncoding: 'binary' } as const;
    this.#meta = root.openDB<Buffer, Buffer>({ name: 'meta', ...options });
    this.#objects = root.openDB<Buffer, Buffer>({ name: 'objects', ...options });
    this.#history = root.openDB<Buffer, Buffer>({ name: 'history', ...options });
  }

  /** Opens or sets up the files. Rejects with a StoreError. */
  static async open({ directory, files, upgradeSteps }: DatabaseOptions): Promise<LmdbDatabase> {
    let root: Bytes | undefined;
    try {
      root = open<Buffer, Buffer>({
        path: files.path,
        noSubdir: true,
        encoding: 'binary',
        keyEncoding: 'binary',
        maxDbs: 4,
        overlappingSync: false,
        mapSize: mapBytes,
        // Batches are made by the commit queue; lmdb's own would leave a failure's promise to nobody.
        eventTurnBatching: false,
      });
      if (!files.fresh) assertOurs(root, directory);
      const database = new LmdbDatabase(directory, root);
      await database.#setUp(files.fresh, upgradeSteps);
      return database;
    } catch (error) {
      await root?.close();
      if (files.fresh) await discardFiles(files);
      throw await toStoreError(error, directory);
    }
  }

  /** Newest durable revision, kept here: every write asks for it, and nobody else writes to these files. */
  get revision(): Revision {
    return this.#revision;
  }

  get compacted(): Revision {
    return this.#number('compacted');
  }

  /** History up to here has been rid of what compaction forgets. */
  get swept(): Revision {
    return this.#number('swept');
  }

  get(key: string): StoredValue | undefined {
    return reading(() => this.#get(key));
  }

  #get(key: string): StoredValue | undefined {
    const bytes = Buffer.from(key);
    const pointer = this.#objects.get(bytes);
    return pointer && this.#value(bytes, pointer);
  }

  range(prefix: string): StoredValue[] {
    return reading(() => {
      const items: StoredValue[] = [];
      for (const { key, value } of this.#objects.getRange(prefixRange(prefix))) {
        items.push(this.#value(key, value));
      }
      return items;
    });
  }

  /** Changes with a revision greater than `after`, up to `last`. */
  *history(after: Revision, last: Revision): Generator<StoreEvent> {
    for (const [revision, record] of this.records(after, last)) {
      const { key, value, createRevision } = record;
      const previous = this.#previous(record);
      const common = { key, revision, createRevision, ...(previous && { previous }) };
      yield value === undefined ? { type: 'delete', ...common } : { type: 'put', value, ...common };
    }
  }

  *records(after: Revision, last: Revision): Generator<[Revision, HistoryRecord]> {
    const start = encodeRevision(after + 1n);
    const end = encodeRevision(last + 1n);
    for (const { key, value } of readingEach(this.#history.getRange({ start, end }))) {
      yield [key.readBigUInt64BE() as Revision, decodeHistory(key, value)];
    }
  }

  /** Makes changes durable, all or none. */
  async append(events: readonly StoreEvent[]): Promise<void> {
    const last = events.at(-1);
    if (last === undefined) return;
    await this.#transact(() => {
      for (const event of events) {
        const key = Buffer.from(event.key);
        const revision = encodeRevision(event.revision);
        void this.#history.put(revision, encodeHistory(revision, recordOf(event)));
        if (event.type === 'delete') void this.#objects.remove(key);
        else {
          const { createRevision } = event;
          void this.#objects.put(key, encodePointer(key, { modRevision: event.revision, createRevision }));
        }
      }
      this.#setNumber('revision', last.revision);
    }, spaceFor(events));
    this.#revision = last.revision;
  }

  /** What is durable now, for as long as it is not closed. */
  snapshot(): StoreSnapshot {
    const transaction = this.#root.useReadTransaction();
    const read = (name: Counter): Revision => {
      const key = counters[name];
      return decodeCounter(key, this.#meta.get(key, { transaction }));
    };
    const [revision, batches] = [read('revision'), () => this.#currentBatches(transaction)];
    let isOpen = true;
    const close = (): void => {
      if (isOpen) transaction.done();
      isOpen = false;
    };
    return { revision, batches, close };
  }

  async advance(revision: Revision): Promise<void> {
    await this.#transact(() => {
      this.#setNumber('revision', revision);
      this.#setNumber('compacted', revision);
    });
    this.#revision = revision;
  }

  setCompacted(revision: Revision): Promise<void> {
    return this.#transact(() => this.#setNumber('compacted', revision));
  }

  /** Removes changes from the history and moves the sweep's mark. */
  forget(revisions: readonly Revision[], swept: Revision): Promise<void> {
    return this.#transact(() => {
      for (const revision of revisions) void this.#history.remove(encodeRevision(revision));
      this.#setNumber('swept', swept);
    });
  }

  close(): Promise<void> {
    return this.#root.close();
  }

  /** History is in the order wanted; what it has superseded is passed over. */
  *#currentBatches(transaction: Transaction): Generator<readonly StoredValue[]> {
    let batch: StoredValue[] = [];
    let looks = 0;
    for (const { key: at, value: bytes } of readingEach(this.#history.getRange({ transaction }))) {
      const modRevision = at.readBigUInt64BE() as Revision;
      const { key, value, createRevision } = decodeHistory(at, bytes);
      const id = Buffer.from(key);
      const pointer = value && this.#objects.get(id, { transaction });
      if (value !== undefined && pointer && decodePointer(id, pointer).modRevision === modRevision) {
        batch.push({ key, value, modRevision, createRevision });
      }
      if (++looks < snapshotBatch) continue;
      yield batch;
      batch = [];
      looks = 0;
    }
    yield batch;
  }

  async #transact(action: () => void, spaceBytes = smallSpaceBytes): Promise<void> {
    demandSpace(this.#directory, spaceBytes);
    try {
      await this.#root.batch(action);
    } catch (error) {
      throw await toStoreError(await rootCause(error), this.#directory);
    }
  }

  #value(bytes: Buffer, pointer: Buffer): StoredValue {
    const { modRevision, createRevision } = decodePointer(bytes, pointer);
    const record = this.#record(modRevision);
    const key = bytes.toString('utf8');
    if (record?.value === undefined || record.key !== key) throw damaged(`the value of ${key}`);
    return { key, value: record.value, modRevision, createRevision };
  }

  #previous({ key, previous }: HistoryRecord): StoredValue | undefined {
    const record = previous === 0n ? undefined : this.#record(previous);
    if (record?.value === undefined) return undefined;
    return { key, value: record.value, modRevision: previous, createRevision: record.createRevision };
  }

  #record(revision: Revision): HistoryRecord | undefined {
    const key = encodeRevision(revision);
    const bytes = this.#history.get(key);
    return bytes && decodeHistory(key, bytes);
  }

  async #setUp(fresh: boolean, steps: readonly UpgradeStep[] | undefined): Promise<void> {
    const tables = { meta: this.#meta, objects: this.#objects, history: this.#history };
    const options = { root: this.#root, tables, directory: this.#directory, ...(steps && { steps }) };
    if (readFormat(options) !== undefined) {
      upgrade(options);
      // A store whose counters are damaged is not open.
      for (const name of ['compacted', 'swept'] as const) this.#number(name);
      this.#revision = this.#number('revision');
      reading(() => this.#checkHistory());
      return;
    }
    const isEmpty = (table: Table): boolean => table.getKeysCount({ limit: 1 }) === 0;
    if (!fresh && !(isEmpty(this.#objects) && isEmpty(this.#history))) throw damaged('its format version');
    await this.#transact(() => {
      writeFormat(this.#meta, formatVersion);
      this.#setNumber('revision', firstRevision);
      this.#setNumber('compacted', 0n as Revision);
      this.#setNumber('swept', 0n as Revision);
    });
  }

  /** A record knows what it is filed under only when it is read: one that a changed key has moved away never is. */
  #checkHistory(): void {
    const { revision, compacted } = this;
    const from = compacted < firstRevision ? firstRevision : compacted;
    const start = encodeRevision(from + 1n);
    const kept = this.#history.getKeysCount({ start, end: encodeRevision(revision + 1n) });
    if (BigInt(kept) !== revision - from) throw damaged('a change in its history');
  }

  #number(name: Counter): Revision {
    const key = counters[name];
    return decodeCounter(key, this.#meta.get(key));
  }

  #setNumber(name: Counter, revision: Revision): void {
    const key = counters[name];
    void this.#meta.put(key, encodeCounter(key, revision));
  }
}

/** More than lmdb will take from the disk for these changes. */
function spaceFor(events: readonly StoreEvent[]): number {
  const values = events.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
  return smallSpaceBytes + events.length * treeSpaceBytes + 2 * values;
}

/** What lmdb finds wrong in its pages while it reads. */
function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw asDamage(error);
  }
}

function* readingEach<T>(items: Iterable<T>): Generator<T> {
  const iterator = items[Symbol.iterator]();
  try {
    for (;;) {
      const { done, value } = reading(() => iterator.next());
      if (done === true) return;
      yield value;
    }
  } finally {
    iterator.return?.();
  }
}

/** An lmdb file of somebody else has other tables than ours. */
function assertOurs(root: Bytes, directory: string): void {
  const names = [...root.getKeys()].map((key) => key.toString('utf8').replaceAll('\0', ''));
  const foreign = names.find((name) => !['meta', 'objects', 'history'].includes(name));
  if (foreign === undefined) return;
  throw new StoreError(
    'corrupt',
    `the data directory ${directory} was not written by this software: it has a table ${JSON.stringify(foreign)}`,
  );
}

/** UTF-8 has no byte 0xff, so the end of a prefix's range is had by counting its last byte up. */
function prefixRange(prefix: string): { start?: Buffer; end?: Buffer } {
  if (prefix === '') return {};
  const start = Buffer.from(prefix);
  const end = Buffer.from(start);
  end[end.length - 1] = (end[end.length - 1] ?? 0) + 1;
  return { start, end };
}
