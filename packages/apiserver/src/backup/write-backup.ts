/**
 * The lines of a backup of a running store: everything at one revision, while writes go on. Written against the Store
 * interface, so for any store. Called by the server's backup path and by the offline backup.
 */
import { openSnapshot } from '../storage/open-snapshot.js';
import type { Store } from '../storage/store.js';
import { BackupEncoder, type BackupFile } from './backup-format.js';

export interface BackupSource {
  readonly store: Store;
  readonly files: readonly BackupFile[];
  readonly nowMs: number;
  /** Gives others their turn, between two pieces of some milliseconds' work. */
  readonly pause: () => Promise<void>;
}

/** @throws what the store throws; a backup without its last line is not one. */
export async function* encodeBackup({ store, files, nowMs, pause }: BackupSource): AsyncGenerator<Buffer> {
  const snapshot = await openSnapshot(store);
  try {
    const encoder = new BackupEncoder();
    const { revision } = snapshot;
    yield Buffer.concat([
      encoder.header({ revision, createdAtMs: nowMs }),
      ...files.map((file) => encoder.file(file)),
    ]);
    for (const batch of snapshot.batches()) {
      if (batch.length > 0) yield Buffer.concat(batch.map((object) => encoder.object(object)));
      await pause();
    }
    yield encoder.end();
  } finally {
    snapshot.close();
  }
}
