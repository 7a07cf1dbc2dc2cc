/**
 * The lmdb files of one store: synchronous reads of what is durable, and transactions that resolve once they are.
 * With `overlappingSync` off lmdb syncs the data pages, then writes the meta page to a descriptor opened O_DSYNC, and
 * only then resolves: that order is what an acknowledged write stands on. Used by lmdb-store.ts alone.
 */
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Revision, StoredValue, StoreEvent } from '../storage/store.js';
import { StoreError } from '../storage/store-errors.js';
import { rootCause, toStoreError } from './lmdb-store-errors.js';
import { discardFiles, type PreparedFiles } from './lmdb-store-files.js';
import {
  damaged,
  decodeHistory,
  decodePointer,
  decodeRevision,
  encodeHistory,
  encodePointer,
  encodeRevision,
  type HistoryRecord,
} from './lmdb-store-records.js';

/** Of the layout described here and in lmdb-store-records.ts. */
const formatVersion = 1;
const firstRevision = 1n;

type Bytes = RootDatabase<Buffer, Buffer>;
type Table = Database<Buffer, Buffer>;

export interface DatabaseOptions {
  readonly directory: string;
  readonly files: PreparedFiles;
}

export class LmdbDatabase {
  readonly #directory: string;
  readonly #root: Bytes;
  readonly #objects: Table;
  readonly #history: Table;
  readonly #meta: Table;

  private constructor(directory: string, root: Bytes) {
    this.#directory = directory;
    this.#root = root;
    const options = { encoding: 'binary', keyEncoding: 'binary' } as const;
    this.#meta = root.openDB<Buffer, Buffer>({ name: 'meta', ...options });
    this.#objects = root.openDB<Buffer, Buffer>({ name: 'objects', ...options });
    this.#history = root.openDB<Buffer, Buffer>({ name: 'history', ...options });
  }

  /** Opens or sets up the files. Rejects with a StoreError. */
  static async open({ directory, files }: DatabaseOptions): Promise<LmdbDatabase> {
    let root: Bytes | undefined;
    try {
      root = open<Buffer, Buffer>({
        path: files.path,
        noSubdir: true,
        encoding: 'binary',
        keyEncoding: 'binary',
        maxDbs: 4,
        overlappingSync: false,
        // Batches are made by the commit queue; lmdb's own would leave a failure's promise to nobody.
        eventTurnBatching: false,
      });
      if (!files.fresh) assertOurs(root, directory);
      const database = new LmdbDatabase(directory, root);
      await database.#checkFormat(files.fresh);
      return database;
    } catch (error) {
      await root?.close();
      if (files.fresh) await discardFiles(files);
      throw await toStoreError(error, directory);
    }
  }

  /** Newest durable revision. */
  get revision(): Revision {
    return this.#number('revision');
  }

  get compacted(): Revision {
    return this.#number('compacted');
  }

  /** History up to here has been rid of what compaction forgets. */
  get swept(): Revision {
    return this.#number('swept');
  }

  get(key: string): StoredValue | undefined {
    const pointer = this.#objects.get(Buffer.from(key));
    return pointer && this.#value(key, pointer);
  }

  range(prefix: string): StoredValue[] {
    const items: StoredValue[] = [];
    for (const { key, value } of this.#objects.getRange(prefixRange(prefix))) {
      items.push(this.#value(key.toString('utf8'), value));
    }
    return items;
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
    for (const { key, value } of this.#history.getRange({ start, end })) {
      yield [key.readBigUInt64BE() as Revision, decodeHistory(value)];
    }
  }

  /** Makes changes durable, all or none. */
  append(events: readonly StoreEvent[]): Promise<void> {
    return this.#transact(() => {
      for (const event of events) {
        const key = Buffer.from(event.key);
        void this.#history.put(encodeRevision(event.revision), encodeHistory(event));
        if (event.type === 'put') void this.#objects.put(key, encodePointer(event));
        else void this.#objects.remove(key);
      }
      const last = events.at(-1);
      if (last !== undefined) this.#setNumber('revision', last.revision);
    });
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

  async #transact(action: () => void): Promise<void> {
    try {
      await this.#root.batch(action);
    } catch (error) {
      throw await toStoreError(await rootCause(error), this.#directory);
    }
  }

  #value(key: string, pointer: Buffer): StoredValue {
    const { modRevision, createRevision } = decodePointer(pointer);
    const bytes = this.#history.get(encodeRevision(modRevision));
    const record = bytes && decodeHistory(bytes);
    if (record?.value === undefined || record.key !== key) throw damaged(`the value of ${key}`);
    return { key, value: record.value, modRevision, createRevision };
  }

  #previous({ key, previous }: HistoryRecord): StoredValue | undefined {
    const bytes = previous === 0n ? undefined : this.#history.get(encodeRevision(previous));
    const record = bytes && decodeHistory(bytes);
    if (record?.value === undefined) return undefined;
    return { key, value: record.value, modRevision: previous, createRevision: record.createRevision };
  }

  async #checkFormat(fresh: boolean): Promise<void> {
    const format = this.#meta.get(Buffer.from('format'));
    if (format === undefined) {
      if (
        !fresh &&
        (this.#objects.getKeysCount({ limit: 1 }) > 0 || this.#history.getKeysCount({ limit: 1 }) > 0)
      ) {
        throw damaged('its format version');
      }
      await this.#transact(() => {
        void this.#meta.put(Buffer.from('format'), encodeRevision(BigInt(formatVersion)));
        this.#setNumber('revision', firstRevision as Revision);
        this.#setNumber('compacted', 0n as Revision);
        this.#setNumber('swept', 0n as Revision);
      });
      return;
    }
    const version = decodeRevision(format);
    if (version === undefined || version < 1n) throw damaged('its format version');
    if (version > formatVersion) {
      throw new StoreError(
        'newer-format',
        `the data directory ${this.#directory} was written by a newer version (format ${version}, this version reads ${formatVersion})`,
      );
    }
  }

  #number(name: string): Revision {
    const revision = decodeRevision(this.#meta.get(Buffer.from(name)));
    if (revision === undefined) throw damaged(`its ${name}`);
    return revision;
  }

  #setNumber(name: string, revision: Revision): void {
    void this.#meta.put(Buffer.from(name), encodeRevision(revision));
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
