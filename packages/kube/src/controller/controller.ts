/**
 * Runs a reconcile function for keys: level-based, at most `concurrency` at a time and one at a time for each key.
 * A failed key comes again with growing delay, a TerminalError waits for the next change. Called by every controller
 * of hub, klusterlet and API server.
 */
import { createStopController, onAbort } from '../env/abort.js';
import type { Env } from '../env/env.js';
import { createWorkQueue, type WorkQueue } from '../queue/work-queue.js';
import { type Spawned, spawn } from './spawn.js';

/** Thrown by a reconciler for what no retry can mend; the key waits for its next event. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

export interface ReconcileResult {
  /** Come again after this time even if nothing changes. */
  readonly requeueAfterMs?: number;
}

export interface ReconcileContext {
  /** Aborted when the controller closes. */
  readonly signal: AbortSignal;
}

export interface ControllerOptions {
  readonly name: string;
  readonly env: Pick<Env, 'clock' | 'log'>;
  /** Default 1. */
  readonly concurrency?: number;
  readonly reconcile: (
    key: string,
    context: ReconcileContext,
  ) => Promise<ReconcileResult | undefined> | Promise<void>;
  /** First and longest delay of a failing key; default 5 and 60,000. */
  readonly baseDelayMs?: number;
  readonly maxDelayMs?: number;
  readonly maxKeys?: number;
}

export interface ControllerStats {
  readonly ready: number;
  readonly delayed: number;
  readonly active: number;
  readonly reconciled: number;
  readonly failed: number;
  readonly refused: number;
}

export interface Controller {
  readonly name: string;
  /** May be called before `start`; the key waits. */
  enqueue(key: string): void;
  enqueueAfter(key: string, delayMs: number): void;
  /** Begins to work until the signal aborts or `close` is called. */
  start(signal?: AbortSignal): void;
  /** Stops; resolves when the last running reconcile has returned. */
  close(): Promise<void>;
  /** Resolves when no key is ready or being worked on; delayed keys do not count. */
  idle(): Promise<void>;
  stats(): ControllerStats;
}

/** Starts no timer and no work; see `Controller.start`. */
export function createController(options: ControllerOptions): Controller {
  return new KeyController(options);
}

class KeyController implements Controller {
  readonly name: string;
  readonly #options: ControllerOptions;
  readonly #queue: WorkQueue;
  readonly #stop = createStopController();
  readonly #workers: Spawned[] = [];
  readonly #waiters: (() => void)[] = [];
  #reconciled = 0;
  #failed = 0;
  #refusalLogged = false;
  #unlisten = (): void => undefined;

  constructor(options: ControllerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#queue = createWorkQueue({
      clock: options.env.clock,
      ...(options.baseDelayMs !== undefined && { baseDelayMs: options.baseDelayMs }),
      ...(options.maxDelayMs !== undefined && { maxDelayMs: options.maxDelayMs }),
      ...(options.maxKeys !== undefined && { maxKeys: options.maxKeys }),
    });
  }

  enqueue(key: string): void {
    if (!this.#queue.add(key)) this.#reportRefusal();
  }

  enqueueAfter(key: string, delayMs: number): void {
    if (!this.#queue.addAfter(key, delayMs)) this.#reportRefusal();
  }

  start(signal?: AbortSignal): void {
    if (this.#workers.length > 0) throw new Error(`the controller ${this.name} was started twice`);
    this.#unlisten = onAbort(signal, () => this.#halt());
    const { log } = this.#options.env;
    for (let i = 0; i < (this.#options.concurrency ?? 1); i++) {
      this.#workers.push(spawn(`${this.name} worker`, () => this.#work(), { log }));
    }
  }

  async close(): Promise<void> {
    this.#halt();
    await Promise.all(this.#workers.map((worker) => worker.done));
  }

  idle(): Promise<void> {
    return this.#isIdle() ? Promise.resolve() : new Promise((resolve) => this.#waiters.push(resolve));
  }

  stats(): ControllerStats {
    const { length, delayed, active, refused } = this.#queue;
    return { ready: length, delayed, active, refused, reconciled: this.#reconciled, failed: this.#failed };
  }

  #halt(): void {
    this.#unlisten();
    this.#stop.abort(new Error(`the controller ${this.name} was stopped`));
    this.#queue.close();
    this.#wakeIfIdle();
  }

  #isIdle(): boolean {
    return this.#queue.length === 0 && this.#queue.active === 0;
  }

  #wakeIfIdle(): void {
    if (this.#isIdle()) for (const wake of this.#waiters.splice(0)) wake();
  }

  async #work(): Promise<void> {
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      try {
        await this.#reconcile(key);
      } finally {
        this.#queue.done(key);
        this.#wakeIfIdle();
      }
    }
  }

  async #reconcile(key: string): Promise<void> {
    try {
      const answer = await this.#options.reconcile(key, { signal: this.#stop.signal });
      const result = answer as ReconcileResult | undefined; // what is void at compile time is undefined here
      this.#reconciled++;
      this.#queue.forget(key);
      if (result?.requeueAfterMs !== undefined) this.#queue.addAfter(key, result.requeueAfterMs);
    } catch (error) {
      if (this.#stop.signal.aborted) return; // what a stopped reconcile says is of no interest
      this.#failed++;
      this.#retry(key, error);
    }
  }

  #retry(key: string, error: unknown): void {
    const { log } = this.#options.env;
    if (error instanceof TerminalError) {
      this.#queue.forget(key);
      log.error('reconcile failed for good', { controller: this.name, key, error });
      return;
    }
    const retryInMs = this.#queue.addRateLimited(key);
    const failures = this.#queue.failures(key);
    log.warn('reconcile failed', { controller: this.name, key, error, failures, retryInMs });
  }

  /** A closed queue takes nothing, as it should; a full one loses work, which is told once. */
  #reportRefusal(): void {
    if (this.#stop.signal.aborted || this.#refusalLogged) return;
    this.#refusalLogged = true;
    this.#options.env.log.error('work queue is full, keys are dropped', { controller: this.name });
  }
}
