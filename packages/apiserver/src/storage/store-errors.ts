/**
 * What can go wrong with a store, beside compare failures (a WriteResult) and CompactedError. Each message is one
 * clear sentence for an operator; `code` is what programs act on. Thrown by all store implementations.
 */

export type StoreErrorCode =
  /** No space left; the write did not happen, later ones work once there is room. */
  | 'disk-full'
  /** The file system or a file is not writable by us. */
  | 'read-only'
  /** Any other failure of the disk. */
  | 'io'
  /** Another live process has the data directory. */
  | 'in-use'
  | 'not-a-directory'
  /** Written by a later version of this software. */
  | 'newer-format'
  /** Written by a version from which there is no upgrade. */
  | 'older-format'
  /** Not a store of ours, or damaged. */
  | 'corrupt'
  /** Too many writes are waiting; none of them is lost, this one was not taken. */
  | 'overloaded'
  /** The store is in another process, or several, and none answers; nothing was done. */
  | 'unavailable'
  /** The store was lost while it worked on a write: nobody can tell whether that was done. */
  | 'uncertain'
  /** Credentials, version or configuration do not fit the store; trying again does not help. */
  | 'refused'
  /** More bytes than the store takes as one value. */
  | 'too-large'
  /** The key is empty or too long. */
  | 'bad-key'
  | 'closed';

const retryableCodes: ReadonlySet<StoreErrorCode> = new Set(['disk-full', 'io', 'overloaded', 'unavailable']);

export class StoreError extends Error {
  override readonly name: string = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** True when the same write may succeed later. */
  get retryable(): boolean {
    return retryableCodes.has(this.code);
  }
}

/** The bounded queue of writes is full: answer 429 and let the client come back. */
export class StoreOverloadedError extends StoreError {
  override readonly name = 'StoreOverloadedError';

  constructor(queuedWrites: number) {
    super('overloaded', `the store has ${queuedWrites} writes waiting and takes no more for now`);
  }
}

/** In all stores alike; well above group + resource + namespace + name at their longest. */
export const maxKeyBytes = 1500;

/** Throws a StoreError for a key that no store takes. */
export function checkKey(key: string): void {
  const size = Buffer.byteLength(key);
  if (size === 0) throw new StoreError('bad-key', 'a key must not be empty');
  if (size > maxKeyBytes) {
    throw new StoreError('bad-key', `a key must be no more than ${maxKeyBytes} bytes, got ${size}`);
  }
}
