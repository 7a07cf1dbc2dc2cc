/**
 * Makes a data directory out of a backup. Everything is built beside what is there, in `restore.partial`, checked, and
 * moved into place in the end; what was there moves to `before-restore-<time>` and is never deleted. While
 * `restore.partial` exists no server starts on the directory, so that a restore which was killed is never taken for an
 * empty store. Called by the commands; the server must not run.
 */
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '@flotilla/kube';
import { makeDirectory, toFileError } from '@flotilla/kube/node';
import { BackupError, type BackupHeader } from '../backup/backup-format.js';
import { BackupImport, revisionAfterRestore } from '../backup/import-backup.js';
import type { Revision } from '../storage/store.js';
import { StoreError } from '../storage/store-errors.js';
import { readBackup, syncDirectory, verifyBackup } from './backup-file.js';
import { openLmdbStore } from './lmdb-store.js';

export interface RestoreOptions {
  readonly env: Env;
  /** The backup file. */
  readonly from: string;
  readonly dataDir: string;
  /** Takes a directory that is not empty: its store and keys are moved aside. */
  readonly replace: boolean;
}

export interface RestoreResult extends BackupHeader {
  readonly objects: number;
  /** The newest revision after the restore; none before `floor` is ever served again. */
  readonly restoredRevision: Revision;
  readonly floor: Revision;
  /** Where the old store and keys are now. */
  readonly movedTo: string | undefined;
}

const partialName = 'restore.partial';
/** What a data directory has of the server. */
const ownNames = ['store', 'pki'];

/** What keeps a server from starting on the directory: a restore that was cut off. @throws Error in one sentence */
export async function assertNoUnfinishedRestore(dataDir: string): Promise<void> {
  const names = await list(dataDir);
  if (!names.includes(partialName)) return;
  throw new BackupError(
    `the data directory ${dataDir} holds a restore that did not come to its end (${partialName}); run the restore again`,
  );
}

/** What makes a data directory not empty. */
export async function contentOf(dataDir: string): Promise<readonly string[]> {
  const names = await list(dataDir);
  return names.filter((name) => name !== 'lost+found' && name !== partialName);
}

/** @throws Error in one sentence; what was in the directory is still there then, in its place or in `movedTo`. */
export async function restoreDataDirectory(options: RestoreOptions): Promise<RestoreResult> {
  const { dataDir, from, replace, env } = options;
  const content = await contentOf(dataDir);
  if (content.length > 0 && !replace) {
    throw new BackupError(
      `the data directory ${dataDir} is not empty (${content.slice(0, 3).join(', ')}); choose another, or give --force to move what is there aside`,
    );
  }
  const header = await verifyBackup(from);
  const held = await heldRevision(dataDir, content);
  const wanted = revisionAfterRestore(header, env.clock.now());
  const floor = greater(held, wanted);
  const partial = join(dataDir, partialName);
  try {
    await rm(partial, { recursive: true, force: true });
    await makeDirectory(partial);
    await syncDirectory(dataDir);
    const imported = await stage(options, { partial, floor });
    const movedTo = await moveAside(options, content);
    for (const name of ownNames.toReversed()) await rename(join(partial, name), join(dataDir, name));
    await syncDirectory(dataDir);
    await rm(partial, { recursive: true });
    await syncDirectory(dataDir);
    const { objects, revision } = imported;
    const { createdAtMs } = header;
    return { revision: header.revision, createdAtMs, objects, restoredRevision: revision, floor, movedTo };
  } catch (error) {
    if (error instanceof BackupError) throw new BackupError(`the backup ${from} ${error.message}`);
    throw error instanceof StoreError ? error : toFileError(error, 'restore into', dataDir);
  }
}

/** Builds store and keys in `partial`. */
async function stage(
  { env, from }: RestoreOptions,
  { partial, floor }: { partial: string; floor: Revision },
): Promise<{ readonly objects: number; readonly revision: Revision }> {
  const store = await openLmdbStore({ directory: join(partial, 'store') });
  try {
    await makeDirectory(join(partial, 'pki'));
    const target = await BackupImport.begin(store, floor);
    for await (const record of readBackup(from)) {
      if (record.type === 'object') await target.add(record.object);
      if (record.type === 'file') {
        const mode = record.file.path.endsWith('.crt') ? 0o644 : 0o600;
        await env.files.write(join(partial, record.file.path), record.file.data, { mode });
      }
    }
    return await target.finish();
  } finally {
    await store.close();
  }
}

/** The newest revision of a store that is to be replaced; 0 when it cannot be read, which may be why. */
async function heldRevision(dataDir: string, content: readonly string[]): Promise<Revision> {
  if (!content.includes('store')) return 0n as Revision;
  try {
    const store = await openLmdbStore({ directory: join(dataDir, 'store') });
    try {
      return await store.revision();
    } finally {
      await store.close();
    }
  } catch (error) {
    const isInUse = error instanceof StoreError && error.code === 'in-use';
    if (isInUse || !(error instanceof StoreError)) throw error;
    return 0n as Revision;
  }
}

function greater(a: Revision, b: Revision): Revision {
  if (a < b) return b;
  return a;
}

async function moveAside(
  { dataDir, env }: RestoreOptions,
  content: readonly string[],
): Promise<string | undefined> {
  const names = ownNames.filter((name) => content.includes(name));
  if (names.length === 0) return undefined;
  const time = new Date(env.clock.now()).toISOString().replace(/[:.]/g, '-');
  const target = join(dataDir, `before-restore-${time}`);
  await makeDirectory(target);
  for (const name of names) await rename(join(dataDir, name), join(target, name));
  await syncDirectory(dataDir);
  return target;
}

async function list(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return [];
    if (code === 'ENOTDIR') throw new BackupError(`the data directory ${directory} is not a directory`);
    throw toFileError(error, 'read', directory);
  }
}
