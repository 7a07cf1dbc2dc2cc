/**
 * Turns what the file system and lmdb report into one StoreError with one clear sentence. Only the code is for
 * programs; the original is the cause.
 */
import { statfsSync } from 'node:fs';
import { constants } from 'node:os';
import { DirectoryInUseError, FileError } from '@flotilla/kube/node';
import { StoreError, type StoreErrorCode } from '../storage/store-errors.js';

const { errno } = constants;

/** lmdb's own codes, from lmdb.h. */
const mdb = {
  corrupted: -30796,
  panic: -30795,
  versionMismatch: -30794,
  invalid: -30793,
  mapFull: -30792,
  oldest: -30799,
  newest: -30770,
};

const codes: Readonly<Record<string | number, StoreErrorCode>> = {
  ENOSPC: 'disk-full',
  EDQUOT: 'disk-full',
  [errno.ENOSPC]: 'disk-full',
  [errno.EDQUOT]: 'disk-full',
  [mdb.mapFull]: 'disk-full',
  EROFS: 'read-only',
  EACCES: 'read-only',
  EPERM: 'read-only',
  [errno.EROFS]: 'read-only',
  [errno.EACCES]: 'read-only',
  [errno.EPERM]: 'read-only',
  ENOTDIR: 'not-a-directory',
  EEXIST: 'not-a-directory',
  [mdb.corrupted]: 'corrupt',
  [mdb.versionMismatch]: 'corrupt',
  [mdb.invalid]: 'corrupt',
};

/** What lmdb throws when a page that it reads is not what it wrote; everything else as it is. */
export function asDamage(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code !== 'number' || code > mdb.newest || code < mdb.oldest) return error;
  return new StoreError('corrupt', 'the store is damaged: a page is not readable; restore a backup', {
    cause: error,
  });
}

/** What happened to a data directory, as a StoreError. Never throws. */
export async function toStoreError(error: unknown, directory: string): Promise<StoreError> {
  if (error instanceof StoreError) return error;
  if (error instanceof DirectoryInUseError) return new StoreError('in-use', error.message, { cause: error });
  const code = storeErrorCode(await rootCause(error), directory);
  return new StoreError(code, sentence(code, directory, error), { cause: error });
}

/** lmdb hides the cause of a failed commit in a promise, which would count as unhandled if nobody took it. */
export async function rootCause(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  return Promise.resolve(error.commitError).then(
    () => error,
    (cause: unknown) => cause,
  );
}

function storeErrorCode(error: unknown, directory: string): StoreErrorCode {
  const raw = error instanceof Error && 'code' in error ? error.code : undefined;
  const code = typeof raw === 'string' || typeof raw === 'number' ? codes[raw] : undefined;
  if (code !== undefined) return code;
  // A write cut short by a full disk reaches us as a plain I/O error.
  return hasLess(directory, 64 * 1024) ? 'disk-full' : 'io';
}

/**
 * lmdb's native code does not always outlive a disk that fills up under a commit: what could not be written is refused
 * before it is begun. @throws StoreError `disk-full`.
 */
export function demandSpace(directory: string, bytes: number): void {
  if (!hasLess(directory, bytes)) return;
  throw new StoreError('disk-full', sentence('disk-full', directory, undefined));
}

function hasLess(directory: string, bytes: number): boolean {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize < bytes;
  } catch {
    // No answer means that the disk itself is in trouble, which the write will tell.
    return false;
  }
}

function sentence(code: StoreErrorCode, directory: string, error: unknown): string {
  if (code === 'io' && error instanceof FileError) return error.message;
  switch (code) {
    case 'disk-full':
      return `the disk that holds the data directory ${directory} is full`;
    case 'read-only':
      return `the data directory ${directory} cannot be written: it is read-only or belongs to somebody else`;
    case 'not-a-directory':
      return `the data directory ${directory} is not a directory`;
    case 'corrupt':
      return `the data directory ${directory} is damaged or was not written by this software`;
    default:
      return `the data directory ${directory} cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}
