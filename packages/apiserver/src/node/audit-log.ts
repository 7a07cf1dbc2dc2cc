/**
 * The audit log as a file, or standard output: one event a line. Lines wait in a bounded buffer and are written in
 * batches beside the requests, which never wait; what does not fit is dropped and counted. A file is rotated by size
 * into `<name>-<time>.<ending>`, and old ones go by number and age. Lines of the last moment are lost in a crash.
 */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Env, Timer } from '@flotilla/kube';
import type { AuditSink } from '../audit/auditor.js';

export interface AuditLogOptions {
  /** `-` is standard output. */
  readonly path: string;
  /** A file that would grow above is rotated. */
  readonly maxSizeMegabytes?: number;
  /** Rotated files kept; 0: all. */
  readonly maxBackups?: number;
  /** Rotated files go after so many days; 0: never. */
  readonly maxAgeDays?: number;
  /** Lines that wait for the disk take no more; what comes then is dropped. */
  readonly maxBufferedBytes?: number;
}

/** kube-apiserver's: 100 MB a file, and none is ever removed. The buffer is some 20,000 events. */
export const defaultAuditLogOptions = Object.freeze({
  maxSizeMegabytes: 100,
  maxBackups: 0,
  maxAgeDays: 0,
  maxBufferedBytes: 16 * 1024 * 1024,
});

export interface AuditLog extends AuditSink {
  /** Resolves when all that waits is written, or has failed to be. */
  close(): Promise<void>;
}

/** So that requests that come together share a write. */
const batchDelayMs = 50;
const complainEveryMs = 60_000;
const dayMs = 24 * 3_600_000;

/** @throws Error in one sentence when the file cannot be opened. */
export async function openAuditLog(
  options: AuditLogOptions,
  env: Pick<Env, 'clock' | 'log'>,
): Promise<AuditLog> {
  const settings = { ...defaultAuditLogOptions, ...options };
  const target = options.path === '-' ? new StandardOutput() : await RotatingFile.open(settings, env);
  return new BufferedLog(target, { env, maxBufferedBytes: settings.maxBufferedBytes });
}

interface Target {
  write(data: Buffer): Promise<void>;
  close(): Promise<void>;
}

class BufferedLog implements AuditLog {
  readonly #target: Target;
  readonly #env: Pick<Env, 'clock' | 'log'>;
  readonly #maxBufferedBytes: number;
  #lines: string[] = [];
  #bufferedBytes = 0;
  #writing: Promise<void> | undefined;
  #timer: Timer | undefined;
  #events = 0;
  #dropped = 0;
  #isClosed = false;
  #complainedMs = Number.NEGATIVE_INFINITY;

  constructor(
    target: Target,
    { env, maxBufferedBytes }: { env: Pick<Env, 'clock' | 'log'>; maxBufferedBytes: number },
  ) {
    this.#target = target;
    this.#env = env;
    this.#maxBufferedBytes = maxBufferedBytes;
  }

  get counts(): AuditSink['counts'] {
    return { events: this.#events, dropped: this.#dropped };
  }

  write(line: string): void {
    this.#events++;
    if (this.#isClosed) {
      this.#dropped++;
      return;
    }
    // Characters, not bytes: measuring each line would cost more than it tells.
    if (this.#bufferedBytes + line.length > this.#maxBufferedBytes) {
      this.#drop(1, 'the disk does not keep up');
      return;
    }
    this.#lines.push(line);
    this.#bufferedBytes += line.length;
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#writing;
    await this.#flush();
    await this.#target.close();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#writing !== undefined) return;
    this.#timer = this.#env.clock.setTimer(batchDelayMs, () => {
      this.#timer = undefined;
      this.#writing = this.#flush().finally(() => {
        this.#writing = undefined;
        if (this.#lines.length > 0 && !this.#isClosed) this.#schedule();
      });
    });
  }

  /** What is being written still counts as buffered, or a slow disk would let twice as much in. */
  async #flush(): Promise<void> {
    const lines = this.#lines;
    const bytes = this.#bufferedBytes;
    if (lines.length === 0) return;
    this.#lines = [];
    try {
      await this.#target.write(Buffer.from(`${lines.join('\n')}\n`));
    } catch (error) {
      this.#drop(lines.length, error instanceof Error ? error.message : String(error));
    } finally {
      this.#bufferedBytes -= bytes;
    }
  }

  #drop(count: number, reason: string): void {
    this.#dropped += count;
    const nowMs = this.#env.clock.monotonicMs();
    if (nowMs - this.#complainedMs < complainEveryMs) return;
    this.#complainedMs = nowMs;
    this.#env.log.warn('audit events dropped', { reason, dropped: this.#dropped });
  }
}

class StandardOutput implements Target {
  write(data: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      process.stdout.write(data, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

type FileSettings = Required<Omit<AuditLogOptions, 'maxBufferedBytes'>>;

class RotatingFile implements Target {
  readonly #settings: FileSettings;
  readonly #env: Pick<Env, 'clock' | 'log'>;
  #file: FileHandle | undefined;
  #size = 0;

  private constructor(settings: FileSettings, env: Pick<Env, 'clock' | 'log'>) {
    this.#settings = settings;
    this.#env = env;
  }

  static async open(settings: FileSettings, env: Pick<Env, 'clock' | 'log'>): Promise<RotatingFile> {
    const made = new RotatingFile(settings, env);
    try {
      await mkdir(dirname(settings.path), { recursive: true, mode: 0o700 });
      await made.#open();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`--audit-log-path ${settings.path}: the file cannot be opened: ${why}`, { cause });
    }
    return made;
  }

  async write(data: Buffer): Promise<void> {
    const limit = this.#settings.maxSizeMegabytes * 1024 * 1024;
    if (this.#size > 0 && this.#size + data.length > limit) await this.#rotate();
    const file = this.#file ?? (await this.#open());
    await file.appendFile(data);
    this.#size += data.length;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #open(): Promise<FileHandle> {
    const file = await open(this.#settings.path, 'a', 0o600);
    this.#size = (await file.stat()).size;
    this.#file = file;
    return file;
  }

  async #rotate(): Promise<void> {
    await this.close();
    const { path } = this.#settings;
    await rename(path, join(dirname(path), await this.#freeName()));
    await this.#open();
    await this.#removeOld();
  }

  /** Two rotations within a millisecond must not meet: the later one is dated a little ahead. */
  async #freeName(): Promise<string> {
    const { path } = this.#settings;
    const taken = new Set((await this.#backups()).map(({ name }) => name));
    for (let timeMs = this.#env.clock.now(); ; timeMs++) {
      const stamp = new Date(timeMs).toISOString().replace('Z', '').replaceAll(':', '-');
      const name = `${stem(path)}-${stamp}${extname(path)}`;
      if (!taken.has(name)) return name;
    }
  }

  async #removeOld(): Promise<void> {
    const { maxBackups, maxAgeDays, path } = this.#settings;
    if (maxBackups === 0 && maxAgeDays === 0) return;
    const backups = await this.#backups();
    const oldestMs = this.#env.clock.now() - maxAgeDays * dayMs;
    for (const [index, { name, modifiedMs }] of backups.entries()) {
      const isOver = maxBackups > 0 && index >= maxBackups;
      const isOld = maxAgeDays > 0 && modifiedMs < oldestMs;
      if (isOver || isOld) await rm(join(dirname(path), name), { force: true });
    }
  }

  /** Newest first: the time is in the name. */
  async #backups(): Promise<{ readonly name: string; readonly modifiedMs: number }[]> {
    const { path } = this.#settings;
    const ending = extname(path);
    const prefix = `${stem(path)}-`;
    const names = (await readdir(dirname(path)))
      .filter((name) => name.startsWith(prefix) && name.endsWith(ending))
      .filter((name) => /^\d{4}-\d\d-\d\dT/.test(name.slice(prefix.length)))
      .sort()
      .reverse();
    return Promise.all(
      names.map(async (name) => ({ name, modifiedMs: (await stat(join(dirname(path), name))).mtimeMs })),
    );
  }
}

function stem(path: string): string {
  return basename(path, extname(path));
}
