/** Reads the backup of a data directory whose server does not run, by the same way as a running server gives it. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '@flotilla/kube';
import { StoreError } from '../storage/store-errors.js';
import { openBackupStream } from './backup-endpoint.js';
import { openLmdbStore } from './lmdb-store.js';
import { assertNoUnfinishedRestore } from './restore-data-directory.js';

export interface StoppedStoreOptions {
  readonly env: Env;
  readonly dataDir: string;
  /** What is told to be running. */
  readonly server: string;
}

/** @throws Error in one sentence, when the server runs for one. */
export async function withStoppedStore<T>(
  { env, dataDir, server }: StoppedStoreOptions,
  use: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  await assertNoUnfinishedRestore(dataDir);
  const directory = join(dataDir, 'store');
  if (!(await exists(directory))) throw new Error(`the data directory ${dataDir} holds no store`);
  const store = await open(directory, server);
  try {
    return await use(openBackupStream({ env, store, pkiDirectory: join(dataDir, 'pki') }));
  } finally {
    await store.close();
  }
}

async function open(directory: string, server: string) {
  try {
    return await openLmdbStore({ directory });
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'in-use') throw error;
    throw new Error(
      `the ${server} runs on this data directory; leave --data-dir out to save it while it runs`,
      {
        cause: error,
      },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
