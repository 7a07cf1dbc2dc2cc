/**
 * Group commit: while one batch is being made durable, further writes queue and become the next. A write's promise
 * settles only after its batch is durable and `onCommitted` has run; a batch that fails rejects its own writes only.
 * The queue is bounded in count and bytes; beyond that writes are refused, not kept. Shared by the in-process stores.
 */

import type { StoreEvent, StoreWrite, WriteResult } from './store.js';
import { StoreError, StoreOverloadedError } from './store-errors.js';

/** What committing a batch gave: a result for each write, and the events of those that held. */
export interface CommittedBatch {
  readonly results: readonly WriteResult[];
  readonly events: readonly StoreEvent[];
}

export interface CommitQueueLimits {
  /** Writes that may wait; at 40,000 grouped writes a second this is a quarter of a second's work. */
  readonly maxQueuedWrites: number;
  readonly maxQueuedBytes: number;
  /** A batch is one transaction: large enough to share the sync, small enough to keep latency low. */
  readonly maxBatchWrites: number;
  readonly maxBatchBytes: number;
}

export const defaultCommitQueueLimits: CommitQueueLimits = Object.freeze({
  maxQueuedWrites: 10_000,
  maxQueuedBytes: 64 * 1024 * 1024,
  maxBatchWrites: 1_000,
  maxBatchBytes: 8 * 1024 * 1024,
});

export interface CommitQueueOptions {
  readonly limits?: Partial<CommitQueueLimits>;
  /** Makes the batch durable as a whole, or rejects having done nothing. */
  commit(writes: readonly StoreWrite[]): Promise<CommittedBatch>;
  /** Must not throw. */
  onCommitted(events: readonly StoreEvent[]): void;
}

interface Pending {
  readonly write: StoreWrite;
  readonly bytes: number;
  resolve(result: WriteResult): void;
  reject(error: unknown): void;
}

export class CommitQueue {
  readonly #options: CommitQueueOptions;
  readonly #limits: CommitQueueLimits;
  #pending: Pending[] = [];
  #inFlight: readonly Pending[] = [];
  #bytes = 0;
  #running: Promise<void> | undefined;
  #closed: StoreError | undefined;
  readonly #tasks: (() => Promise<void>)[] = [];

  constructor(options: CommitQueueOptions) {
    this.#options = options;
    this.#limits = { ...defaultCommitQueueLimits, ...options.limits };
  }

  /** Writes waiting, those being committed not counted. */
  get queued(): number {
    return this.#pending.length;
  }

  /** The writes whose batch is being made durable. */
  get inFlight(): readonly StoreWrite[] {
    return this.#inFlight.map(({ write }) => write);
  }

  enqueue(write: StoreWrite): Promise<WriteResult> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const bytes = 200 + write.key.length + (write.type === 'put' ? write.value.length : 0);
    const { maxQueuedWrites, maxQueuedBytes } = this.#limits;
    if (this.#pending.length >= maxQueuedWrites || this.#bytes + bytes > maxQueuedBytes) {
      return Promise.reject(new StoreOverloadedError(this.#pending.length));
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ write, bytes, resolve, reject });
      this.#bytes += bytes;
      this.#start();
    });
  }

  /** Runs a task between two batches. */
  exclusively<T>(task: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      this.#tasks.push(() => task().then(resolve, reject));
      this.#start();
    });
  }

  /** Takes no more writes, and resolves when those taken are settled. */
  async close(): Promise<void> {
    this.#closed ??= new StoreError('closed', 'the store is closed');
    await this.#running;
  }

  /** As after a crash: nothing taken so far will ever be acknowledged. */
  abandon(error: StoreError): void {
    this.#closed = error;
    for (const pending of [...this.#inFlight, ...this.#pending]) pending.reject(error);
    this.#inFlight = [];
    this.#pending = [];
    this.#tasks.length = 0;
  }

  #start(): void {
    this.#running ??= Promise.resolve().then(() => this.#run());
  }

  async #run(): Promise<void> {
    while (this.#pending.length > 0 || this.#tasks.length > 0) {
      const task = this.#tasks.shift();
      if (task !== undefined) await task();
      if (this.#pending.length > 0) await this.#commitBatch(this.#takeBatch());
    }
    this.#running = undefined;
  }

  async #commitBatch(batch: readonly Pending[]): Promise<void> {
    this.#inFlight = batch;
    try {
      const { results, events } = await this.#options.commit(batch.map(({ write }) => write));
      if (this.#inFlight !== batch) return; // abandoned meanwhile
      if (events.length > 0) this.#options.onCommitted(events);
      batch.forEach((pending, i) => {
        const result = results[i];
        if (result !== undefined) pending.resolve(result);
      });
    } catch (error) {
      for (const pending of batch) pending.reject(error);
    } finally {
      this.#inFlight = [];
    }
  }

  #takeBatch(): readonly Pending[] {
    const { maxBatchWrites, maxBatchBytes } = this.#limits;
    let count = 0;
    let bytes = 0;
    for (const pending of this.#pending) {
      if (count === maxBatchWrites || (count > 0 && bytes + pending.bytes > maxBatchBytes)) break;
      count++;
      bytes += pending.bytes;
    }
    this.#bytes -= bytes;
    return this.#pending.splice(0, count);
  }
}
