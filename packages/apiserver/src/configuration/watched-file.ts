/**
 * A file that somebody else may replace while the server runs: read once at the start, where a broken file is an
 * error, then looked at every few seconds; a broken new content is logged and the last good one stays in use.
 * It is compared by content, so that links swapped by a mounted Secret are seen. Called by what reads the files of flags.
 */
import type { Clock, Env, Timer } from '@flotilla/kube';

export type WatchedFileEnv = Pick<Env, 'files' | 'log'> & { readonly clock: Pick<Clock, 'setTimer'> };

export interface WatchedFilesOptions<T> {
  /** The files, each with the flag that names it. */
  readonly files: readonly { readonly flag: string; readonly path: string }[];
  readonly env: WatchedFileEnv;
  /** Ends the looking. */
  readonly signal: AbortSignal;
  /** Makes one value of the files' texts, in order. @throws Error in words that go after "the file of --flag: ". */
  readonly parse: (texts: readonly string[]) => T;
  readonly intervalMs?: number;
}

/** Certificates are renewed days before they end; tokens that were taken back must not live on for long. */
export const defaultWatchIntervalMs = 10_000;

export interface WatchedValue<T> {
  readonly current: T;
  /** Called after each change for the better. */
  onChange(fn: (value: T) => void): void;
}

/** @throws Error in one sentence that names the flag, when a file is missing or broken. */
export async function watchFiles<T>(options: WatchedFilesOptions<T>): Promise<WatchedValue<T>> {
  const { env, files, parse, signal, intervalMs = defaultWatchIntervalMs } = options;
  let texts = await readAll(options);
  let current = parseTexts(texts);
  let refused = '';
  const listeners: ((value: T) => void)[] = [];

  function parseTexts(found: readonly string[]): T {
    try {
      return parse(found);
    } catch (error) {
      const named = files.map(({ flag, path }) => `${flag} ${path}`).join(' and ');
      throw new Error(`${named}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }

  async function look(): Promise<void> {
    try {
      const found = await readAll(options);
      if (found.every((text, index) => text === texts[index])) return;
      current = parseTexts(found);
      texts = found;
      refused = '';
      env.log.info('changed file taken over', { files: files.map(({ path }) => path) });
      for (const listener of listeners) listener(current);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // Once for each way to be broken: the files are looked at all day.
      if (reason !== refused)
        env.log.error('changed file refused, the last good one stays in use', { reason });
      refused = reason;
    }
  }

  let timer: Timer | undefined;
  const schedule = (): void => {
    timer = env.clock.setTimer(intervalMs, () => {
      void look().then(() => {
        if (!signal.aborted) schedule();
      });
    });
  };
  if (!signal.aborted) schedule();
  signal.addEventListener('abort', () => timer?.cancel(), { once: true });
  return {
    get current() {
      return current;
    },
    onChange: (fn) => void listeners.push(fn),
  };
}

/** The texts of the files. @throws Error in one sentence. */
async function readAll({
  files,
  env,
}: Pick<WatchedFilesOptions<unknown>, 'files' | 'env'>): Promise<string[]> {
  return Promise.all(files.map((file) => readTextFile(env, file)));
}

/** The text of a file that a flag names. @throws Error in one sentence when it is missing or cannot be read. */
export async function readTextFile(
  env: Pick<Env, 'files'>,
  { flag, path }: { readonly flag: string; readonly path: string },
): Promise<string> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await env.files.read(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${flag} ${path}: the file cannot be read: ${reason}`, { cause });
  }
  if (bytes === undefined) throw new Error(`${flag} ${path}: there is no such file`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
