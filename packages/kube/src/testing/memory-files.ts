/**
 * A file tree in memory that keeps the contract of `Files` and can crash: a write that was not yet acknowledged then
 * either happened whole or not at all, by chance, and its promise rejects. Asked to, it also tears such writes, as disks
 * and file systems do that bring a new name to the disk before what it stands for. Shared by the lives of one simulated
 * machine.
 */
import { type Clock, type Files, type Random, sleep } from '../env/env.js';

export interface MemoryFilesOptions {
  /** With it, each write takes `writeLatencyMs` of its time. */
  readonly clock?: Clock;
  /** Default 1. */
  readonly writeLatencyMs?: number;
  /** Asked at each access; what it returns is thrown, and nothing is done. */
  readonly fail?: (access: 'read' | 'write', path: string) => Error | undefined;
  /** Decides which unacknowledged writes a crash keeps; without it a crash loses them all. */
  readonly random?: Random;
}

export interface MemoryFiles extends Files {
  /** Ends all unfinished writes as a power failure would. The tree can be used on, as after a restart. */
  crash(options?: { readonly tears?: boolean }): void;
  /** Everything is gone, as on a new machine. */
  wipe(): void;
  /** Paths of all files, sorted. */
  paths(): readonly string[];
  /** The mode a file was written with. */
  mode(path: string): number | undefined;
  /** What of the files below a folder would survive a power failure now; no fault is asked. */
  durable(folder: string): readonly Uint8Array[];
}

interface File {
  readonly data: Uint8Array;
  readonly mode: number;
}

interface Write {
  readonly path: string;
  readonly file: File;
  readonly abort: AbortController;
}

export function createMemoryFiles(options: MemoryFilesOptions = {}): MemoryFiles {
  const files = new Map<string, File>();
  const unfinished = new Set<Write>();
  const tails = new Map<string, Promise<void>>();

  const failWhenAsked = (access: 'read' | 'write', path: string): void => {
    const failure = options.fail?.(access, path);
    if (failure !== undefined) throw failure;
  };

  const write = async (job: Write, before: Promise<void> | undefined): Promise<void> => {
    try {
      await before;
      job.abort.signal.throwIfAborted();
      failWhenAsked('write', job.path);
      if (options.clock) await sleep(options.clock, options.writeLatencyMs ?? 1, job.abort.signal);
      files.set(job.path, job.file);
    } finally {
      unfinished.delete(job);
    }
  };

  return {
    read: async (path) => {
      failWhenAsked('read', path);
      const file = files.get(normalize(path));
      return file && Uint8Array.from(file.data);
    },
    write: (path, data, writeOptions) => {
      const target = normalize(path);
      const bytes = typeof data === 'string' ? Buffer.from(data) : Uint8Array.from(data);
      const file = { data: bytes, mode: writeOptions?.mode ?? 0o600 };
      const job: Write = { path: target, file, abort: new AbortController() };
      unfinished.add(job);
      const done = write(job, tails.get(target));
      const tail = done.catch(() => undefined); // the caller has the failure; the next write only waits
      tails.set(target, tail);
      void tail.then(() => tails.get(target) === tail && tails.delete(target));
      return done;
    },
    list: async (path) => {
      failWhenAsked('read', path);
      const prefix = folderPrefix(path);
      const names = new Set<string>();
      for (const file of files.keys()) {
        if (file.startsWith(prefix)) names.add(file.slice(prefix.length).split('/', 1)[0] ?? '');
      }
      return [...names].sort();
    },
    remove: async (path) => {
      failWhenAsked('write', path);
      const target = normalize(path);
      const prefix = folderPrefix(path);
      for (const file of files.keys()) if (file === target || file.startsWith(prefix)) files.delete(file);
    },
    crash: ({ tears = false } = {}) => {
      const { random } = options;
      for (const job of unfinished) {
        if (random && tears && random.next() < 0.7) files.set(job.path, torn(job.file, random));
        else if (random && random.next() < 0.5) files.set(job.path, job.file);
        job.abort.abort(new Error('the machine crashed'));
      }
      unfinished.clear();
    },
    wipe: () => files.clear(),
    paths: () => [...files.keys()].sort(),
    mode: (path) => files.get(normalize(path))?.mode,
    durable: (folder) => {
      const prefix = folderPrefix(folder);
      return [...files].flatMap(([path, { data }]) => (path.startsWith(prefix) ? [data] : []));
    },
  };
}

/** Its end is missing, or is zeros, or something else. */
function torn({ data, mode }: File, random: Random): File {
  const whole = Math.floor(random.next() * data.length);
  const garbage = Math.floor(random.next() * 3);
  if (garbage === 0) return { data: data.slice(0, whole), mode };
  const spoilt = Uint8Array.from(data);
  for (let i = whole; i < spoilt.length; i++) spoilt[i] = garbage === 1 ? 0 : Math.floor(random.next() * 256);
  return { data: spoilt, mode };
}

function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return (path.startsWith('/') ? '/' : '') + parts.join('/');
}

function folderPrefix(path: string): string {
  const folder = normalize(path);
  return folder === '' || folder === '/' ? folder : `${folder}/`;
}
