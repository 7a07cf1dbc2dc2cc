/**
 * Keeps a data directory to one process. Lock files are numbered and only the highest counts: it names its holder by
 * pid, start time and boot, so that a lock left by a killed process is seen to be stale, even when its pid is in use
 * again. A stale lock is never touched; the next number is taken instead, which only one process can make. No process
 * ever sees half a file. A holder in another container cannot be seen from here; its lock counts as stale.
 */
import { randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, readlink, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { toFileError } from './file-errors.js';
import { makeDirectory } from './make-directory.js';

interface Holder {
  readonly pid: number;
  /** Clock ticks from boot to the process' start; '' where the system does not tell. */
  readonly started: string;
  readonly boot: string;
  readonly pidNamespace: string;
  readonly token: string;
}

/** Another live process holds the directory. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';
}

export interface DirectoryLock {
  release(): Promise<void>;
}

const lockName = /^lock\.(\d+)$/;
const draftName = /^lock\.draft\./;
const attempts = 10;

/**
 * Makes the directory when absent. Rejects with DirectoryInUseError while a live process holds the directory, with
 * FileError when it cannot be made or written.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  try {
    return await lock(directory);
  } catch (error) {
    if (error instanceof DirectoryInUseError) throw error;
    throw toFileError(error, 'use the data directory', directory);
  }
}

async function lock(directory: string): Promise<DirectoryLock> {
  await makeDirectory(directory);
  const self = await describeSelf();
  for (let attempt = 0; attempt < attempts; attempt++) {
    const highest = await highestLock(directory);
    const holder = highest === 0 ? undefined : await readHolder(lockPath(directory, highest));
    if (holder !== undefined && (await isAlive(holder, self))) throw inUse(directory, holder);
    const own = highest + 1;
    if (!(await tryCreate(directory, own, self))) continue;
    // We may have been so slow that later numbers have come and ours had been tidied away before.
    if ((await highestLock(directory)) > own) {
      await ignoreAbsent(unlink(lockPath(directory, own)));
      continue;
    }
    await tidy(directory, own);
    // An empty file names no holder. Its number must stay, or a slow process could take it once more.
    return { release: () => truncate(lockPath(directory, own)) };
  }
  throw new DirectoryInUseError(`the data directory ${directory} is being opened by other processes`);
}

function lockPath(directory: string, number: number): string {
  return join(directory, `lock.${number}`);
}

async function highestLock(directory: string): Promise<number> {
  const numbers = (await readdir(directory)).map((name) => Number(lockName.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers);
}

function inUse(directory: string, { pid }: Holder): DirectoryInUseError {
  return new DirectoryInUseError(`the data directory ${directory} is in use by another process (pid ${pid})`);
}

/** False when somebody else has made this number. */
async function tryCreate(directory: string, number: number, self: Holder): Promise<boolean> {
  const draft = join(directory, `lock.draft.${self.token}`);
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(self));
    await file.sync();
  } catch (error) {
    await ignoreAbsent(unlink(draft));
    throw error;
  } finally {
    await file.close();
  }
  try {
    await link(draft, lockPath(directory, number));
    return true;
  } catch (error) {
    // ENOENT: the new holder has tidied our draft away.
    if (hasCode(error, 'EEXIST') || hasCode(error, 'ENOENT')) return false;
    throw error;
  } finally {
    await ignoreAbsent(unlink(draft));
  }
}

/** Removes lower numbers, and drafts of processes that were killed at that very point. */
async function tidy(directory: string, own: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const number = Number(lockName.exec(name)?.[1] ?? own);
    if (number < own || draftName.test(name)) await ignoreAbsent(unlink(join(directory, name)));
  }
}

/** Undefined when the file names nobody: released, gone, or no lock of ours. */
async function readHolder(path: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    // Tidied away by the holder of a higher number, whom the next look will show.
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null; // checked field by field below
    if (typeof holder?.pid !== 'number' || typeof holder.token !== 'string') return undefined;
    const { pid, token, started = '', boot = '', pidNamespace = '' } = holder;
    return { pid, token, started, boot, pidNamespace };
  } catch {
    // Not JSON: a lock always is, so nobody holds this one.
    return undefined;
  }
}

async function describeSelf(): Promise<Holder> {
  return {
    pid: process.pid,
    started: (await readProcess(process.pid)).started,
    boot: await readOrEmpty(() => readFile('/proc/sys/kernel/random/boot_id', 'utf8')),
    pidNamespace: await readOrEmpty(() => readlink('/proc/self/ns/pid')),
    token: randomUUID(),
  };
}

async function isAlive(holder: Holder, self: Holder): Promise<boolean> {
  if (holder.boot !== self.boot || holder.pidNamespace !== self.pidNamespace) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    if (!hasCode(error, 'EPERM')) return false;
  }
  const { started, zombie } = await readProcess(holder.pid);
  return !zombie && started === holder.started;
}

/** From /proc/<pid>/stat (proc(5)): the fields after the command's closing parenthesis, state first. */
async function readProcess(pid: number): Promise<{ started: string; zombie: boolean }> {
  const stat = await readOrEmpty(() => readFile(`/proc/${pid}/stat`, 'utf8'));
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { started: fields[19] ?? '', zombie: fields[0] === 'Z' || fields[0] === 'X' };
}

async function readOrEmpty(read: () => Promise<string>): Promise<string> {
  try {
    return (await read()).trim();
  } catch {
    // Not Linux, or the process has just ended: then this part of the identity is simply not known.
    return '';
  }
}

async function ignoreAbsent(done: Promise<void>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
