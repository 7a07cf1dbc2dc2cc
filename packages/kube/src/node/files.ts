/**
 * The real file tree: a write is whole and on disk when its promise resolves, or did not happen; a reader never
 * sees a part of it. Writes to one path keep their order. A left-over temporary file of a crash is never listed
 * and goes with its folder. Called by `createNodeEnv`.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
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

async function writeDurably(
  target: string,
  data: Uint8Array | string,
  { mode, folders }: WriteDurablyOptions,
): Promise<void> {
  const folder = dirname(target);
  const temporary = join(folder, `.${basename(target)}.${randomBytes(6).toString('hex')}${temporarySuffix}`);
  const fill = async (file: FileHandle): Promise<void> => {
    // Before the data: the umask must not widen it, nor an instant pass without it.
    if (mode !== ownerOnly) await file.chmod(mode);
    await file.writeFile(data);
    await file.sync();
  };
  try {
    if ((await absentAs(withFile(temporary, 'wx', fill), 'absent')) === 'absent') {
      await makeFolder(folder);
      await withFile(temporary, 'wx', fill);
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await folders.sync(folder);
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
  await withFile(folder, constants.O_RDONLY, (file) => file.sync());
}

async function withFile(
  path: string,
  flags: string | number,
  use: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, ownerOnly);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
