/**
 * Background work with someone to notice its failure. Called wherever a promise is not awaited on the spot.
 */
import type { Logger } from '../env/env.js';

export interface Spawned {
  readonly name: string;
  /** Resolves when the work is over, however it ended; never rejects. */
  readonly done: Promise<void>;
}

export interface SpawnOptions {
  readonly log: Logger;
  /** A rejection with this signal's reason is the expected end and not logged. */
  readonly signal?: AbortSignal;
  /** Told of each failure after it was logged, to count it or to stop the process. */
  readonly onFailure?: (error: unknown) => void;
}

/** Starts `fn` at once; its failure is logged as `background task failed`. */
export function spawn(name: string, fn: () => void | Promise<void>, options: SpawnOptions): Spawned {
  return { name, done: supervise(name, fn, options) };
}

async function supervise(name: string, fn: () => void | Promise<void>, options: SpawnOptions): Promise<void> {
  try {
    await fn();
  } catch (error) {
    if (options.signal?.aborted && error === options.signal.reason) return;
    options.log.error('background task failed', { task: name, error });
    options.onFailure?.(error);
  }
}
