/**
 * Named values on disk. A write is on disk when its promise resolves; writes that come while one is under way share
 * the next file. From time to time everything is written into one file, and the files before it go, so that what was
 * removed does not stay on disk for long. Files are read in the order of their numbers: the last word on a name counts.
 * A last file that is torn was never acknowledged, so what was there before it counts. Called by the saved works.
 */
import { isObject } from '@flotilla/api';
import type { Env } from '@flotilla/kube';

export interface Journal<T> {
  /** What is on disk. */
  readonly values: ReadonlyMap<string, T>;
  /** Reads it; to be called before the first write. */
  load(): Promise<void>;
  /** Undefined removes the name. @throws FileError; then nothing was written. */
  write(name: string, value: T | undefined): Promise<void>;
}

export interface JournalOptions<T> {
  readonly env: Pick<Env, 'files' | 'log'>;
  readonly directory: string;
  readonly isEntry: (value: unknown) => value is T;
}

/** So many files, at most, are read at a start. */
const maxFiles = 64;
/** With a removal everything is written anew when it is no more than this. */
const fewValues = 32;

interface Pending<T> {
  readonly name: string;
  readonly value: T | undefined;
  resolve(): void;
  reject(error: unknown): void;
}

export function createJournal<T>(options: JournalOptions<T>): Journal<T> {
  return new FileJournal(options);
}

class FileJournal<T> implements Journal<T> {
  readonly values = new Map<string, T>();
  readonly #options: JournalOptions<T>;
  #pending: Pending<T>[] = [];
  #isWriting = false;
  /** Numbers of the files that count, oldest first. */
  #files: number[] = [];
  #next = 1;
  /** A torn file could not be removed: the next one must make up for all before it. */
  #isTorn = false;

  constructor(options: JournalOptions<T>) {
    this.#options = options;
  }

  async load(): Promise<void> {
    const { env, directory } = this.#options;
    const numbers = (await env.files.list(directory))
      .flatMap((name) => numberOf(name) ?? [])
      .sort((a, b) => a - b);
    for (const number of numbers) {
      this.#files.push(number);
      this.#next = number + 1;
      const part = this.#read(await env.files.read(this.#path(number)));
      if (part === undefined && number === numbers.at(-1)) {
        await this.#dropTorn(number);
        continue;
      }
      if (part === undefined) {
        // It may have had newer values of any name: an older one must not be taken for the last word.
        env.log.error('saved works cannot be read, they and older ones are left out', {
          file: nameOf(number),
        });
        this.values.clear();
        continue;
      }
      if (part.isWhole) this.values.clear();
      this.#take(part.entries);
    }
  }

  /**
   * One file is written at a time, so only the last one can be torn by a crash, and then nobody was told that it is on
   * disk. It must not stay: once others come after it, it would look like one that was acknowledged, and spoilt later.
   */
  async #dropTorn(number: number): Promise<void> {
    this.#options.env.log.warn('the last file of saved works was not written whole: it is left out', {
      file: nameOf(number),
    });
    this.#isTorn = !(await this.#forget(number));
    if (!this.#isTorn) this.#files.pop();
  }

  #take(entries: readonly (readonly [name: string, value: T | undefined])[]): void {
    for (const [name, value] of entries) {
      if (value === undefined) this.values.delete(name);
      else this.values.set(name, value);
    }
  }

  write(name: string, value: T | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ name, value, resolve, reject });
      if (!this.#isWriting) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      try {
        await this.#writeBatch(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isWriting = false;
  }

  async #writeBatch(batch: readonly Pending<T>[]): Promise<void> {
    const hasRemoval = batch.some(({ value }) => value === undefined);
    const isWhole =
      this.#isTorn || this.#files.length >= maxFiles || (hasRemoval && this.values.size <= fewValues);
    const changes = batch.map(({ name, value }) => [name, value] as const);
    const after = new Map<string, T | undefined>([...this.values, ...changes]);
    const entries = isWhole ? [...after].filter(([, value]) => value !== undefined) : changes;
    const number = this.#next;
    this.#next += 1; // also when it fails: what a failed write left is never taken for a later one
    const text = JSON.stringify({ isWhole, entries: entries.map(([name, value]) => [name, value ?? null]) });
    await this.#options.env.files.write(this.#path(number), text);
    this.#isTorn = false;
    this.#take(changes);
    const all = [...this.#files, number];
    // Oldest first: what is left by a crash in between still ends with the last word.
    const old = this.values.size === 0 ? all : isWhole ? this.#files : [];
    this.#files = all.filter((each) => !old.includes(each));
    for (const each of old) await this.#forget(each);
  }

  /** An old file that stays does no harm: the whole one comes after it. False when it stays. */
  async #forget(number: number): Promise<boolean> {
    const { env } = this.#options;
    try {
      await env.files.remove(this.#path(number));
      return true;
    } catch (error) {
      env.log.warn('an old file of saved works cannot be removed', { file: nameOf(number), error });
      return false;
    }
  }

  #read(data: Uint8Array | undefined): { isWhole: boolean; entries: [string, T | undefined][] } | undefined {
    const value = data && parse(data);
    if (!isObject(value) || !Array.isArray(value['entries'])) return undefined;
    const entries: [string, T | undefined][] = [];
    for (const entry of value['entries'] as unknown[]) {
      if (!Array.isArray(entry) || typeof entry[0] !== 'string') return undefined;
      const [name, content] = entry as [string, unknown];
      if (content !== null && !this.#options.isEntry(content)) return undefined;
      entries.push([name, content ?? undefined]);
    }
    return { isWhole: value['isWhole'] === true, entries };
  }

  #path(number: number): string {
    return `${this.#options.directory}/${nameOf(number)}`;
  }
}

function nameOf(number: number): string {
  return `${String(number).padStart(10, '0')}.json`;
}

function numberOf(name: string): number | undefined {
  return /^\d{10,}\.json$/.test(name) ? Number.parseInt(name, 10) : undefined;
}

function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
