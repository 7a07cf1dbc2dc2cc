/**
 * Puts the objects of a backup into a store that has none, and compares what it then holds. The store's revisions are
 * moved ahead first, so that no client ever sees a resourceVersion again, or one go back: each object gets a new one,
 * in the order of the old ones, and every watch from before is answered with 410. Called by the restore.
 */
import { createHash, type Hash } from 'node:crypto';
import { openSnapshot } from '../storage/open-snapshot.js';
import type { Revision, Store, StoredValue } from '../storage/store.js';
import { BackupError, type BackupHeader } from './backup-format.js';

/**
 * Revisions that may have been given out since a backup was made. No store of ours makes 50,000 in a second, and the
 * first billion covers five hours by which two clocks may differ.
 */
export function revisionAfterRestore({ revision, createdAtMs }: BackupHeader, nowMs: number): Revision {
  const seconds = Math.max(0, Math.ceil((nowMs - createdAtMs) / 1000));
  return (revision + 1_000_000_000n + BigInt(seconds) * 50_000n) as Revision;
}

/** Writes on their way together: enough to share a sync, and well below what a store takes. */
const importBatch = 500;

export class BackupImport {
  readonly #store: Store;
  readonly #hash = createHash('sha256');
  #batch: StoredValue[] = [];
  #objects = 0;

  private constructor(store: Store) {
    this.#store = store;
  }

  /** `floor`: what was given out so far is not beyond it. @throws BackupError when the store is not empty. */
  static async begin(store: Store, floor: Revision): Promise<BackupImport> {
    const { items, revision } = await store.range('');
    if (items.length > 0) throw new BackupError('cannot be restored into a store that holds objects');
    if (revision < floor) {
      if (store.advance === undefined) {
        throw new BackupError(
          `cannot be restored into a store whose revision is ${revision}: clients may have seen up to ${floor}; raise the store's own revision first`,
        );
      }
      await store.advance(floor);
    }
    return new BackupImport(store);
  }

  async add(object: StoredValue): Promise<void> {
    this.#batch.push(object);
    if (this.#batch.length >= importBatch) await this.#flush();
  }

  /** @throws BackupError when the store does not hold what it was given. */
  async finish(): Promise<{ readonly objects: number; readonly revision: Revision }> {
    await this.#flush();
    const revision = await this.#store.revision();
    // No watch may begin among the writes of the restore.
    await this.#store.compact(revision);
    await this.#verify();
    return { objects: this.#objects, revision };
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    const none = 0n as Revision;
    // A store takes writes in the order in which they are given.
    const writes = batch.map(({ key, value }) =>
      this.#store.write({ type: 'put', key, value, expected: none }),
    );
    for (const result of await Promise.all(writes)) {
      if (!result.ok) throw new BackupError('has an object twice');
    }
    for (const object of batch) addTo(this.#hash, object);
    this.#objects += batch.length;
  }

  async #verify(): Promise<void> {
    const snapshot = await openSnapshot(this.#store);
    try {
      const hash = createHash('sha256');
      for (const batch of snapshot.batches()) for (const object of batch) addTo(hash, object);
      if (hash.digest('hex') !== this.#hash.digest('hex')) {
        throw new BackupError('was not restored as it is: the store holds something else');
      }
    } finally {
      snapshot.close();
    }
  }
}

function addTo(hash: Hash, { key, value }: StoredValue): void {
  hash.update(`${key}\0${value.length}\0`).update(value);
}
