/**
 * The requests of one priority level: so many at work, the rest waiting in a queue for each flow. The flows take turns,
 * so that one with thousands of requests makes another wait for one of them at most. Called by RequestQueues.
 */
import type { LevelName } from './classify.js';

/** A request that waits. */
export interface Waiting {
  readonly flow: string;
  readonly deadlineMs: number;
  readonly sizeBytes: number;
  /** Does its work; called once, and never after `refuse`. */
  readonly start: () => void;
  readonly refuse: () => void;
}

export interface LevelLimits {
  /** Requests at work at the same time. */
  readonly seats: number;
  /** Of which one flow may hold so many: its slow requests must not keep all others out. */
  readonly seatsPerFlow: number;
  readonly queuedPerFlow: number;
  readonly queued: number;
}

export class LevelQueue {
  readonly name: LevelName;
  readonly limits: LevelLimits;
  readonly #executing = new Map<string, number>();
  /** In the order in which the flows have their turns. */
  readonly #flows = new Map<string, Waiting[]>();
  #executingCount = 0;
  #queuedCount = 0;
  /** How much the level has had of the server's time; for taking turns with other levels. */
  pass = 0;

  constructor(name: LevelName, limits: LevelLimits) {
    this.name = name;
    this.limits = limits;
  }

  get executing(): number {
    return this.#executingCount;
  }

  get queued(): number {
    return this.#queuedCount;
  }

  /** Whether a request of the flow may start at once. */
  hasRoomFor(flow: string): boolean {
    const { seats, seatsPerFlow } = this.limits;
    return this.#executingCount < seats && (this.#executing.get(flow) ?? 0) < seatsPerFlow;
  }

  /** Takes a seat; call the answer once, to free it. */
  occupy(flow: string): () => void {
    this.#executingCount++;
    this.#executing.set(flow, (this.#executing.get(flow) ?? 0) + 1);
    return () => {
      this.#executingCount--;
      const left = (this.#executing.get(flow) ?? 1) - 1;
      if (left === 0) this.#executing.delete(flow);
      else this.#executing.set(flow, left);
    };
  }

  /** False: there is no more room to wait. */
  enqueue(waiting: Waiting): boolean {
    const { queuedPerFlow, queued } = this.limits;
    const own = this.#flows.get(waiting.flow) ?? [];
    if (own.length >= queuedPerFlow || this.#queuedCount >= queued) return false;
    own.push(waiting);
    this.#flows.set(waiting.flow, own);
    this.#queuedCount++;
    return true;
  }

  /** The next that may start, taken out of its queue; undefined: none waits, or all seats are taken. */
  next(): Waiting | undefined {
    if (this.#executingCount >= this.limits.seats) return undefined;
    for (const [flow, waiting] of this.#flows) {
      if (!this.hasRoomFor(flow)) continue;
      const first = this.#shift(flow, waiting);
      // To the end of the round.
      if (waiting.length > 0) {
        this.#flows.delete(flow);
        this.#flows.set(flow, waiting);
      }
      return first;
    }
    return undefined;
  }

  /** Takes out those whose time is over. */
  *expired(nowMs: number): Generator<Waiting> {
    for (const [flow, waiting] of this.#flows) {
      while (waiting[0] !== undefined && waiting[0].deadlineMs <= nowMs) {
        const first = this.#shift(flow, waiting);
        if (first !== undefined) yield first;
      }
    }
  }

  #shift(flow: string, waiting: Waiting[]): Waiting | undefined {
    const first = waiting.shift();
    if (first !== undefined) this.#queuedCount--;
    if (waiting.length === 0) this.#flows.delete(flow);
    return first;
  }
}
