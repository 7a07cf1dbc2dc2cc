/**
 * The outside world, as every component below the `main` files sees it: time, chance, files and the log come in
 * by this door, so that a whole hub and a hundred klusterlets run in one process on a virtual clock.
 * The network comes in as a `Transport` (client side) and an `ApiHandler` (server side).
 * Real implementations: `src/node`. Simulated ones: `src/testing`.
 */

/** A pending timer. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time, milliseconds since the epoch. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Calls `fn` once after `delayMs`. A pending timer keeps no process alive on its own. */
  setTimer(delayMs: number, fn: () => void): Timer;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Cryptographically strong in the real implementation. */
  bytes(size: number): Uint8Array;
  /** RFC 4122 version 4. */
  uuid(): string;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** Constant lower-case message plus fields; never a secret. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

/** A small durable file tree. Paths are absolute or relative to the process; missing files read as undefined. */
export interface Files {
  read(path: string): Promise<Uint8Array | undefined>;
  /** Atomic and durable: temporary file, fsync, rename, fsync of the folder. Makes parent folders (mode 0700). */
  write(path: string, data: Uint8Array | string, options?: { mode?: number }): Promise<void>;
  /** Names in a folder, sorted; empty when it does not exist. */
  list(path: string): Promise<readonly string[]>;
  /** Removes a file or a folder with all in it; nothing when absent. */
  remove(path: string): Promise<void>;
}

export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly log: Logger;
}

/** Resolves after `delayMs`; rejects with the signal's reason when aborted first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
