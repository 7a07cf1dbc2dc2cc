/** Timers by due time, then by the order in which they were set: a binary heap. Called by the virtual clock. */
import type { Timer } from '../env/env.js';

export interface HeapTimer extends Timer {
  readonly dueMs: number;
  readonly fn: () => void;
}

interface Entry extends HeapTimer {
  readonly order: number;
  live: boolean;
}

export class TimerHeap {
  readonly #entries: Entry[] = [];
  #order = 0;
  #live = 0;

  /** Timers neither taken nor cancelled. */
  get size(): number {
    return this.#live;
  }

  push(dueMs: number, fn: () => void): Timer {
    const entry: Entry = { dueMs, fn, order: this.#order++, live: true, cancel: () => this.#retire(entry) };
    this.#live++;
    this.#entries.push(entry);
    this.#siftUp(this.#entries.length - 1);
    return entry;
  }

  peek(): HeapTimer | undefined {
    // A cancelled entry leaves when it comes to the top.
    for (let top = this.#entries[0]; top !== undefined; top = this.#entries[0]) {
      if (top.live) return top;
      this.#removeTop();
    }
    return undefined;
  }

  pop(): HeapTimer | undefined {
    const top = this.peek() as Entry | undefined; // peek returns this heap's entries
    if (top === undefined) return undefined;
    this.#retire(top);
    this.#removeTop();
    return top;
  }

  #retire(entry: Entry): void {
    if (!entry.live) return;
    entry.live = false;
    this.#live--;
  }

  #removeTop(): void {
    const last = this.#entries.pop();
    if (last === undefined || this.#entries.length === 0) return;
    this.#entries[0] = last;
    this.#siftDown();
  }

  #siftUp(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfEarlier(at, parent)) return;
      at = parent;
    }
  }

  #siftDown(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const child = this.#isEarlier(left + 1, left) ? left + 1 : left;
      if (!this.#swapIfEarlier(child, at)) return;
      at = child;
    }
  }

  #isEarlier(a: number, b: number): boolean {
    const left = this.#entries[a];
    const right = this.#entries[b];
    if (left === undefined || right === undefined) return false;
    return left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.order < right.order);
  }

  #swapIfEarlier(below: number, above: number): boolean {
    if (!this.#isEarlier(below, above)) return false;
    const entry = this.#entries[below] as Entry; // isEarlier has seen both
    this.#entries[below] = this.#entries[above] as Entry;
    this.#entries[above] = entry;
    return true;
  }
}
