/**
 * A backup as a file: written beside its name, read back and checked, and only then given the name. The file has mode
 * 0600, for it holds every Secret and the keys of the server. Called by the commands.
 */
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { createGunzip } from 'node:zlib';
import { toFileError } from '@flotilla/kube/node';
import { BackupError, type BackupHeader, type BackupRecord, decodeBackup } from '../backup/backup-format.js';

/** What a backup that has been read to its end holds. */
export interface BackupSummary extends BackupHeader {
  readonly objects: number;
  readonly files: number;
  readonly bytes: number;
}

export interface SaveOptions {
  /** Replaces a file of that name. */
  readonly force: boolean;
}

/** Rejects with BackupError or FileError in one sentence; then there is no file of that name, or still the old one. */
export async function saveBackup(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
  { force }: SaveOptions,
): Promise<BackupSummary> {
  const target = resolve(path);
  if (!force && (await sizeOf(target)) !== undefined) {
    throw new BackupError(
      `the file ${path} exists already; choose another name, or give --force to replace it`,
    );
  }
  const partial = `${target}.partial`;
  await rm(partial, { force: true });
  try {
    await writeAll(chunks, partial);
    const summary = await readSummary(partial);
    await rename(partial, target);
    await syncDirectory(dirname(target));
    return summary;
  } catch (error) {
    await rm(partial, { force: true });
    if (error instanceof BackupError)
      throw new BackupError(`the backup that came ${error.message}; nothing was kept`);
    throw toFileError(error, 'write', path);
  }
}

/** Reads a backup to its end. @throws Error in one sentence when it is not whole. */
export async function verifyBackup(path: string): Promise<BackupSummary> {
  try {
    return await readSummary(path);
  } catch (error) {
    throw error instanceof BackupError
      ? new BackupError(`the backup ${path} ${error.message}`)
      : toFileError(error, 'read', path);
  }
}

/** The records of a backup file. @throws BackupError, or the file system's error. */
export async function* readBackup(path: string): AsyncGenerator<BackupRecord> {
  const file = createReadStream(path);
  const gunzip = createGunzip();
  file.once('error', (error) => gunzip.destroy(error));
  try {
    yield* decodeBackup(file.pipe(gunzip));
  } catch (error) {
    throw asBackupError(error);
  } finally {
    file.destroy();
    gunzip.destroy();
  }
}

async function readSummary(path: string): Promise<BackupSummary> {
  let header: BackupHeader | undefined;
  let counts = { objects: 0, files: 0 };
  for await (const record of readBackup(path)) {
    if (record.type === 'header') header = record.header;
    if (record.type === 'end') counts = { objects: record.objects, files: record.files };
  }
  if (header === undefined) throw new BackupError('is not a backup of this software');
  return { ...header, ...counts, bytes: (await sizeOf(path)) ?? 0 };
}

async function writeAll(chunks: AsyncIterable<Uint8Array>, path: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks) await writeWhole(file, chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** One write may take a part only. */
async function writeWhole(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
}

/** Puts names on disk. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** zlib's own errors: cut off, or not what was compressed. */
function asBackupError(error: unknown): unknown {
  const code = codeOf(error);
  if (code === 'Z_BUF_ERROR') return new BackupError('is cut off');
  if (code === 'Z_DATA_ERROR') {
    const isForeign = error instanceof Error && error.message === 'incorrect header check';
    return new BackupError(
      isForeign ? 'is not a backup of this software' : 'has been changed: its checksum does not match',
    );
  }
  return error;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
