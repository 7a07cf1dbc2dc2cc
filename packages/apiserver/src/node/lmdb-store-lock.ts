/**
 * Keeps a data directory to one process. The lock file names its holder by pid, start time and boot, so a lock left
 * by a killed process is seen to be stale, even when its pid is in use again, and is taken over. The file appears and
 * is taken away by link and rename alone, so no process ever sees half of one.
 * A holder in another container cannot be seen from here; its lock counts as stale.
 */
import { randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, readlink, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../storage/store-errors.js';

interface Holder {
  readonly pid: number;
  /** Clock ticks from boot to the process' start; '' where the system does not tell. */
  readonly started: string;
  readonly boot: string;
  readonly pidNamespace: string;
  readonly token: string;
}

export interface DirectoryLock {
  release(): Promise<void>;
}

const fileName = 'lock';
const attempts = 10;

/** Rejects with StoreError 'in-use' while a live process holds the directory. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, fileName);
  const self = await describeSelf();
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await tryCreate(path, self)) {
      await removeLeftovers(directory);
      return { release: () => release(path, self) };
    }
    const holder = await readHolder(path);
    if (holder === 'absent') continue;
    if (holder !== undefined && (await isAlive(holder, self))) throw inUse(directory, holder);
    await removeStale(path, { token: holder?.token, self, directory });
  }
  throw new StoreError('in-use', `the data directory ${directory} is being opened by other processes`);
}

function inUse(directory: string, { pid }: Holder): StoreError {
  return new StoreError(
    'in-use',
    `the data directory ${directory} is in use by another process (pid ${pid})`,
  );
}

async function tryCreate(path: string, self: Holder): Promise<boolean> {
  const draft = `${path}.${self.token}`;
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
    await link(draft, path);
    return true;
  } catch (error) {
    // ENOENT: the new holder has tidied our draft away.
    if (hasCode(error, 'EEXIST') || hasCode(error, 'ENOENT')) return false;
    throw error;
  } finally {
    await ignoreAbsent(unlink(draft));
  }
}

interface StaleLock {
  readonly token: string | undefined;
  readonly self: Holder;
  readonly directory: string;
}

async function removeStale(path: string, { token, self, directory }: StaleLock): Promise<void> {
  const aside = `${path}.${self.token}.stale`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  const moved = await readHolder(aside);
  if (moved !== 'absent' && moved?.token !== token && moved !== undefined) {
    // Another process was faster and this is its fresh lock: give it back.
    await link(aside, path).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    });
    await ignoreAbsent(unlink(aside));
    throw inUse(directory, moved);
  }
  await ignoreAbsent(unlink(aside));
}

async function release(path: string, self: Holder): Promise<void> {
  const holder = await readHolder(path);
  if (holder !== 'absent' && holder?.token === self.token) await ignoreAbsent(unlink(path));
}

/** Undefined for a file that is no lock of ours. */
async function readHolder(path: string): Promise<Holder | 'absent' | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'absent';
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

/** Drafts of processes that were killed at this very point. */
async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(`${fileName}.`)) await ignoreAbsent(unlink(join(directory, name)));
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
