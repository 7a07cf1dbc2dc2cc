/**
 * Which request is worked on next. Each belongs to a priority level and, in it, to a flow (its user, its cluster); each
 * level has its seats, and its flows take turns. Since one thread does all the work, turns are given in time, too: when
 * the requests of one turn of the event loop have had their milliseconds, later ones wait until other connections were
 * read, and leases, health and the operator's own requests go before them. Nothing waits longer than its time or in
 * larger numbers than bounded; what cannot wait is answered 429. The idea is KEP-1040; the names are its default ones.
 */
import { newStatusError } from '@flotilla/api';
import type { Clock, Timer } from '@flotilla/kube';
import type { UserInfo } from '../authentication/user.js';
import type { RequestInfo } from '../server/request-info.js';
import { classify, type LevelName, levelNames } from './classify.js';
import { LevelQueue, type Waiting } from './level-queue.js';
import { type FairnessMetrics, newFairnessMetrics, renderFairness } from './metrics.js';

export interface FairnessOptions {
  /** Seats of all levels together: the reference's --max-requests-inflight and --max-mutating-requests-inflight. */
  readonly seats: number;
  /** Of one flow. */
  readonly maxQueuedPerFlow: number;
  /** Of one level. */
  readonly maxQueued: number;
  /** Bodies of all that wait. */
  readonly maxQueuedBytes: number;
  readonly queueTimeoutMs: number;
  /** What the requests of one turn of the event loop may take before others are looked at. */
  readonly turnMs: number;
  /** Requests that are taken out of queues in one turn: some of their work comes only after they were started. */
  readonly startsPerTurn: number;
}

export const defaultFairnessOptions: FairnessOptions = Object.freeze({
  seats: 600,
  maxQueuedPerFlow: 200,
  maxQueued: 20_000,
  maxQueuedBytes: 64 * 1024 * 1024,
  queueTimeoutMs: 15_000,
  turnMs: 10,
  startsPerTurn: 16,
});

/** Shares of the seats, and of the time when all levels wait; those of the reference. */
const shares: Readonly<Record<LevelName, number>> = {
  exempt: 0,
  'leader-election': 10,
  'node-high': 40,
  'workload-high': 40,
  'workload-low': 100,
  'global-default': 20,
  'catch-all': 5,
};
const allShares = Object.values(shares).reduce((sum, share) => sum + share, 0);
/** Small requests that others' lives depend on: they do not wait for a turn, only for a seat. */
const urgent: ReadonlySet<LevelName> = new Set(['exempt', 'leader-election']);

/** A request as far as it matters here. */
export interface Arrival {
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly address: string;
  readonly sizeBytes: number;
  readonly signal: AbortSignal;
}

const sweepMs = 1000;

export class RequestQueues {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'setTimer'>;
  readonly #options: FairnessOptions;
  readonly #levels: ReadonlyMap<LevelName, LevelQueue>;
  readonly #metrics: FairnessMetrics = newFairnessMetrics();
  #reads = 0;
  #writes = 0;
  #queuedBytes = 0;
  /** When the turn began in which requests are started now. */
  #turnStartMs: number | undefined;
  #startsLeft = 0;
  #sweep: Timer | undefined;
  /** The pass of the level that was served last. */
  #passed = 0;

  constructor(clock: Pick<Clock, 'monotonicMs' | 'setTimer'>, options: Partial<FairnessOptions> = {}) {
    this.#clock = clock;
    this.#options = { ...defaultFairnessOptions, ...options };
    this.#levels = new Map(levelNames.map((name) => [name, new LevelQueue(name, this.#limitsOf(name))]));
  }

  get counts(): { readonly reads: number; readonly writes: number } {
    return { reads: this.#reads, writes: this.#writes };
  }

  /** Prometheus text, under the reference's names. */
  renderMetrics(): string[] {
    return renderFairness(this.#metrics, [...this.#levels.values()]);
  }

  /**
   * Does the work when it is its turn.
   * Rejects with StatusError 429 and retryAfterSeconds when too many wait already, or it has waited too long.
   */
  run<T>(arrival: Arrival, work: () => Promise<T>): Promise<T> {
    const { info, user, address } = arrival;
    const { level: name, flow } = classify(info, user, address);
    const level = this.#level(name);
    if (name === 'exempt') return this.#execute(level, { flow, info }, work);
    this.#beginTurn();
    const isFree = level.queued === 0 && level.hasRoomFor(flow);
    if (isFree && (urgent.has(name) || !this.#isTurnOver()))
      return this.#execute(level, { flow, info }, work);
    return this.#wait(level, { ...arrival, flow }, work);
  }

  async #execute<T>(
    level: LevelQueue,
    { flow, info }: { readonly flow: string; readonly info: RequestInfo },
    work: () => Promise<T>,
  ): Promise<T> {
    const isRead = info.verb === 'get' || info.verb === 'list' || info.verb === 'watch' || !info.isResource;
    const free = level.occupy(flow);
    this.#metrics.dispatched[level.name]++;
    if (isRead) this.#reads++;
    else this.#writes++;
    try {
      return await work();
    } finally {
      free();
      if (isRead) this.#reads--;
      else this.#writes--;
      if (level.queued > 0) this.#pump();
    }
  }

  #wait<T>(
    level: LevelQueue,
    { flow, info, sizeBytes, signal }: Arrival & { readonly flow: string },
    work: () => Promise<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        flow,
        sizeBytes,
        deadlineMs: this.#clock.monotonicMs() + this.#options.queueTimeoutMs,
        start: () => {
          if (signal.aborted) this.#refuse(level.name, 'cancelled', reject);
          else this.#execute(level, { flow, info }, work).then(resolve, reject);
        },
        refuse: () => this.#refuse(level.name, 'time-out', reject),
      };
      // Who comes back after a while has no claim on what it did not use.
      if (level.queued === 0) level.pass = Math.max(level.pass, this.#passed);
      const isTooMuch = this.#queuedBytes + sizeBytes > this.#options.maxQueuedBytes;
      if (isTooMuch || !level.enqueue(waiting)) {
        this.#refuse(level.name, 'queue-full', reject);
        return;
      }
      this.#queuedBytes += sizeBytes;
      this.#sweep ??= this.#clock.setTimer(sweepMs, () => this.#dropExpired());
    });
  }

  #refuse(level: LevelName, reason: keyof FairnessMetrics['rejected'], reject: (error: Error) => void): void {
    this.#metrics.rejected[reason][level]++;
    reject(tooMany());
  }

  /** The first request of a turn of the event loop arms the timer that ends it, after other connections were read. */
  #beginTurn(): void {
    if (this.#turnStartMs !== undefined) return;
    this.#turnStartMs = this.#clock.monotonicMs();
    this.#startsLeft = this.#options.startsPerTurn;
    this.#clock.setTimer(0, () => {
      this.#turnStartMs = undefined;
      if (this.#someoneWaits()) this.#pump();
    });
  }

  #isTurnOver(): boolean {
    if (this.#turnStartMs === undefined) return false;
    return this.#clock.monotonicMs() - this.#turnStartMs > this.#options.turnMs;
  }

  #someoneWaits(): boolean {
    for (const level of this.#levels.values()) if (level.queued > 0) return true;
    return false;
  }

  /** Starts those whose turn it is, as long as this turn of the event loop lasts; its end goes on. */
  #pump(): void {
    while (!this.#isTurnOver() && (this.#turnStartMs === undefined || this.#startsLeft > 0)) {
      const next = this.#next();
      // All seats are taken: whoever frees one goes on.
      if (next === undefined) return;
      this.#beginTurn();
      this.#startsLeft--;
      this.#queuedBytes -= next.sizeBytes;
      next.start();
    }
  }

  /** Of the levels that have something to start, the one that had the least of its share. */
  #next(): Waiting | undefined {
    const levels = [...this.#levels.values()].filter(({ queued }) => queued > 0);
    for (const level of levels.sort((a, b) => a.pass - b.pass)) {
      const next = level.next();
      if (next === undefined) continue;
      this.#passed = level.pass;
      level.pass += 1 / shares[level.name];
      return next;
    }
    return undefined;
  }

  #dropExpired(): void {
    this.#sweep = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const level of this.#levels.values()) {
      for (const waiting of level.expired(nowMs)) {
        this.#queuedBytes -= waiting.sizeBytes;
        waiting.refuse();
      }
    }
    if (this.#someoneWaits()) this.#sweep = this.#clock.setTimer(sweepMs, () => this.#dropExpired());
  }

  #limitsOf(name: LevelName) {
    const { seats, maxQueuedPerFlow, maxQueued } = this.#options;
    const own = name === 'exempt' ? Number.POSITIVE_INFINITY : Math.ceil((seats * shares[name]) / allShares);
    return {
      seats: own,
      seatsPerFlow: Math.ceil(own / 2),
      queuedPerFlow: maxQueuedPerFlow,
      queued: maxQueued,
    };
  }

  #level(name: LevelName): LevelQueue {
    const level = this.#levels.get(name);
    if (level === undefined) throw new Error(`there is no priority level ${name}`);
    return level;
  }
}

function tooMany(): Error {
  return newStatusError(429, 'TooManyRequests', {
    message: 'Too many requests, please try again later.',
    details: { retryAfterSeconds: 1 },
  });
}
