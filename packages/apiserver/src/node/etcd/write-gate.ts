/**
 * How many writes are with etcd at a time, and how many may wait: beyond that they are refused, not kept. All that was
 * taken is finished before `close` resolves.
 */
import type { StoreWrite } from '../../storage/store.js';
import { StoreError, StoreOverloadedError } from '../../storage/store-errors.js';

export interface WriteGateLimits {
  /** etcd groups what comes together; some hundred fill its pipe. */
  readonly maxInFlight: number;
  readonly maxQueuedWrites: number;
  readonly maxQueuedBytes: number;
}

export const defaultWriteGateLimits: WriteGateLimits = Object.freeze({
  maxInFlight: 256,
  maxQueuedWrites: 10_000,
  maxQueuedBytes: 64 * 1024 * 1024,
});

export class WriteGate {
  readonly #limits: WriteGateLimits;
  #waiting: { readonly bytes: number; readonly start: () => void }[] = [];
  #bytes = 0;
  #inFlight = 0;
  #closed = false;
  #onIdle: (() => void) | undefined;

  constructor(limits: Partial<WriteGateLimits> = {}) {
    this.#limits = { ...defaultWriteGateLimits, ...limits };
  }

  /** @throws StoreOverloadedError when too many wait; what `execute` throws. */
  async run<T>(write: StoreWrite, execute: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new StoreError('closed', 'the store is closed');
    if (this.#inFlight >= this.#limits.maxInFlight) await this.#wait(write);
    else this.#inFlight++;
    try {
      return await execute();
    } finally {
      this.#next();
    }
  }

  /** Takes no more; resolves when what was taken is settled. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #wait(write: StoreWrite): Promise<void> {
    const bytes = 200 + write.key.length + (write.type === 'put' ? write.value.length : 0);
    const { maxQueuedWrites, maxQueuedBytes } = this.#limits;
    if (this.#waiting.length >= maxQueuedWrites || this.#bytes + bytes > maxQueuedBytes) {
      throw new StoreOverloadedError(this.#waiting.length);
    }
    this.#bytes += bytes;
    return new Promise((resolve) => void this.#waiting.push({ bytes, start: resolve }));
  }

  /** Hands the finished write's place to the one that waits longest. */
  #next(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      this.#bytes -= next.bytes;
      next.start();
      return;
    }
    this.#inFlight--;
    if (this.#inFlight === 0) this.#onIdle?.();
  }
}
