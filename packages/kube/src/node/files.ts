/**
 * The real file tree: a write is whole and on disk when its promise resolves, or did not happen; a reader never
 * sees a part of it. Writes to one path keep their order. A left-over temporary file of a crash is never listed
 * and goes with its folder. Called by `createNodeEnv`.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fchmod, fsync, open, openSync, writeFile } from 'node:fs';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Files } from '../env/env.js';
import { toFileError } from './file-errors.js';
import { makeDirectory } from './make-directory.js';

const temporarySuffix = '.flotilla-tmp';
const ownerOnly = 0o600;

export function createNodeFiles(): Files {
  const tails = new Map<string, Promise<void>>();
  const folders = new FolderSyncs();
  return {
    read: (path) => told('read', path, absentAs(readFile(path), undefined)),
    write: async (path, data, options) => {
      const target = resolve(path);
      const before = tails.get(target) ?? Promise.resolve();
      const job = before.then(() =>
        writeDurably(target, data, { mode: options?.mode ?? ownerOnly, folders }),
      );
      const tail = job.catch(() => undefined); // the caller has the failure; the next write only waits
      tails.set(target, tail);
      try {
        await told('write', path, job);
      } finally {
        if (tails.get(target) === tail) tails.delete(target);
      }
    },
    list: async (path) => {
      const names = await told('read', path, absentAs(readdir(path), []));
      return names.filter((name) => !name.endsWith(temporarySuffix)).sort();
    },
    remove: (path) => told('remove', path, rm(path, { recursive: true, force: true })),
  };
}

async function told<T>(action: 'read' | 'write' | 'remove', path: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw toFileError(error, action, path);
  }
}

async function absentAs<T, D>(promise: Promise<T>, absent: D): Promise<T | D> {
  try {
    return await promise;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return absent;
    throw error;
  }
}

interface WriteDurablyOptions {
  readonly mode: number;
  readonly folders: FolderSyncs;
}

/**
 * Each step that may wait for the disk is a trip to a thread and back, which costs more than most of the steps: there are
 * four. To close what is on disk, and to open a folder whose name is known, is done at once.
 */
async function writeDurably(
  target: string,
  data: Uint8Array | string,
  { mode, folders }: WriteDurablyOptions,
): Promise<void> {
  const folder = dirname(target);
  const temporary = join(folder, `.${basename(target)}.${randomBytes(6).toString('hex')}${temporarySuffix}`);
  try {
    if ((await absentAs(fill(temporary, data, mode), 'absent')) === 'absent') {
      await makeFolder(folder);
      await fill(temporary, data, mode);
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await folders.sync(folder);
}

const openFile = promisify(open);
const writeWhole = promisify(writeFile);
const changeMode = promisify(fchmod);
const sync = promisify(fsync);

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
/** So that each write is on disk when it returns, and how long it is; not everywhere. */
const syncedWrites: number | undefined = constants.O_DSYNC;
/** More than this takes several writes: one sync after them is less. */
const maxSyncedBytes = 64 * 1024;

/** Makes a new file, whole and on disk when the promise resolves. */
async function fill(path: string, data: Uint8Array | string, mode: number): Promise<void> {
  // Neither a mode nor the file itself is on disk by such a write, if there is none.
  const isSuited = mode === ownerOnly && data.length > 0 && data.length <= maxSyncedBytes;
  const isSynced = syncedWrites !== undefined && isSuited;
  const file = await openFile(path, isSynced ? newFile | syncedWrites : newFile, ownerOnly);
  try {
    // Before the data: the umask must not widen it, nor an instant pass without it.
    if (mode !== ownerOnly) await changeMode(file, mode);
    await writeWhole(file, data);
    if (!isSynced) await sync(file);
  } finally {
    closeSync(file);
  }
}

/** Writes into one folder at the same time share a sync of it: those that came during one wait for the next. */
class FolderSyncs {
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  /** Resolves after a sync that began after the call. */
  sync(folder: string): Promise<void> {
    const running = this.#running.get(folder);
    if (running === undefined) return this.#run(folder);
    const waiting = this.#next.get(folder);
    if (waiting !== undefined) return waiting;
    const begin = (): Promise<void> => {
      this.#next.delete(folder);
      return this.#run(folder);
    };
    const next = running.then(begin, begin); // its failure is told to those who wait for it
    this.#next.set(folder, next);
    return next;
  }

  #run(folder: string): Promise<void> {
    const run = syncFolder(folder).finally(() => {
      if (this.#running.get(folder) === run) this.#running.delete(folder);
    });
    this.#running.set(folder, run);
    return run;
  }
}

/** Makes missing folders and puts their names on disk too. */
async function makeFolder(folder: string): Promise<void> {
  for (const made of (await makeDirectory(folder)).toReversed()) await syncFolder(dirname(made));
}

async function syncFolder(folder: string): Promise<void> {
  const file = openSync(folder, constants.O_RDONLY);
  try {
    await sync(file);
  } finally {
    closeSync(file);
  }
}
