/**
 * Makes a data directory ready before lmdb maps its files, for what lmdb finds wrong in a map it answers with a fatal
 * signal: a foreign or cut file, a lock file on a full disk. Everything wrong is an error here instead.
 */
import { type FileHandle, open, stat, statfs, unlink } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { makeDirectory } from '@flotilla/kube/node';
import { StoreError } from '../storage/store-errors.js';
import { checkPages, PageError } from './lmdb-store-pages.js';

const dataFile = 'store.mdb';
/** lmdb's reader table: written whole with zeros, because a sparse file on a full disk kills who writes to its map. */
const readerTableBytes = 16 * 1024;

const metaFlag = 8;

/**
 * What a transaction may have taken at the end of the file and let go again before it was written. lmdb makes room for
 * it at once: with a number that is far off it fails, or ends the process.
 */
const mostUnwrittenBytes = 2 ** 30;

/** With less room lmdb's first writes fail, which it prints to standard error before it tells us. */
const minimumFreeBytes = 512 * 1024;

/** Makes the directory if it is missing. Rejects with a file system error, or 'not-a-directory'. */
export async function ensureDirectory(directory: string): Promise<void> {
  await makeDirectory(directory);
  if (!(await stat(directory)).isDirectory()) {
    throw new StoreError('not-a-directory', `the data directory ${directory} is not a directory`);
  }
}

export interface PreparedFiles {
  readonly path: string;
  /** Nothing has been stored yet. */
  readonly fresh: boolean;
}

/** Call with the directory locked. */
export async function prepareFiles(directory: string): Promise<PreparedFiles> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < minimumFreeBytes) {
    throw new StoreError('disk-full', `the disk that holds the data directory ${directory} is full`);
  }
  const path = join(directory, dataFile);
  await prepareReaderTable(`${path}-lock`);
  const file = await openOrCreate(path);
  try {
    const { size } = await file.stat();
    if (size > 0) await checkHeader(file, { directory, size });
    return { path, fresh: size === 0 };
  } finally {
    await file.close();
  }
}

/** Removes a data file that could not be set up. */
export async function discardFiles({ path }: PreparedFiles): Promise<void> {
  await unlink(path);
}

async function prepareReaderTable(path: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(Buffer.alloc(readerTableBytes));
    await file.sync();
  } finally {
    await file.close();
  }
}

async function openOrCreate(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    return open(path, 'wx+', 0o600);
  }
}

/**
 * lmdb's two meta pages (MDB_page and MDB_meta in mdb.c): flags at 18, magic at 24, format version at 28, page size at 48,
 * last used page at 144. A file may rightly end before its last page when that was never written.
 */
async function checkHeader(
  file: FileHandle,
  { directory, size }: { directory: string; size: number },
): Promise<void> {
  const pageSize = await readMeta(file, 0);
  const second = pageSize === undefined ? undefined : await readMeta(file, pageSize.pageSize);
  if (pageSize === undefined || second === undefined || second.pageSize !== pageSize.pageSize) {
    throw new StoreError(
      'corrupt',
      `the data directory ${directory} is damaged or was not written by this software: ${dataFile} is no lmdb file`,
    );
  }
  const needed = (Math.max(pageSize.lastPage, second.lastPage) + 1) * pageSize.pageSize;
  try {
    if (needed > size + mostUnwrittenBytes) throw new PageError('the number of the last page');
    // Missing pages then read as zeros, which lmdb reports, instead of a bus error.
    if (needed > size) await file.truncate(needed);
    checkPages(file.fd, pageSize.pageSize);
  } catch (cause) {
    if (!(cause instanceof PageError)) throw cause;
    throw new StoreError(
      'corrupt',
      `the data directory ${directory} is damaged: ${dataFile} is not what was written to it (${cause.message}); restore a backup`,
      { cause },
    );
  }
}

interface MetaPage {
  readonly pageSize: number;
  readonly lastPage: number;
}

async function readMeta(file: FileHandle, offset: number): Promise<MetaPage | undefined> {
  const page = Buffer.alloc(160);
  const { bytesRead } = await file.read(page, 0, page.length, offset);
  const little = endianness() === 'LE';
  const uint32 = (at: number): number => (little ? page.readUInt32LE(at) : page.readUInt32BE(at));
  const pageSize = uint32(48);
  const isMeta = (page[little ? 18 : 19] ?? 0) === metaFlag;
  const known = bytesRead === page.length && isMeta && uint32(24) === 0xbeefc0de && uint32(28) === 2;
  if (!known || pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) return undefined;
  const lastPage = Number(little ? page.readBigUInt64LE(144) : page.readBigUInt64BE(144));
  return { pageSize, lastPage };
}
