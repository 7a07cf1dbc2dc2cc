/**
 * The label indexes of one resource. There is none until somebody asks a large collection for one value of a label; the
 * index is then built a bounded number of objects in each turn of the event loop, kept current by each write, and given up
 * when it has not been asked for a while. Until it is whole, and where there is none, the answer is "look at all".
 */
import type { Clock, Timer } from '@flotilla/kube';
import { LabelIndex } from './label-index.js';
import type { ObjectIndex } from './object-index.js';
import type { CachedObject, LabelValue, WatchCacheOptions } from './types.js';

interface Kept<T extends CachedObject> {
  readonly index: LabelIndex<T>;
  /** Objects that were there when it was begun, the last to be looked at first; empty: it is whole. */
  readonly waiting: T[];
  timer: Timer | undefined;
  usedMs: number;
}

export interface LabelIndexesDependencies<T extends CachedObject> {
  readonly objects: ObjectIndex<T>;
  readonly clock: Clock;
  readonly options: Pick<
    WatchCacheOptions,
    'labelIndexFrom' | 'maxLabelIndexes' | 'labelIndexIdleMs' | 'labelIndexObjectsPerTurn'
  >;
}

export class LabelIndexes<T extends CachedObject> {
  readonly #objects: ObjectIndex<T>;
  readonly #clock: Clock;
  readonly #options: LabelIndexesDependencies<T>['options'];
  readonly #kept = new Map<string, Kept<T>>();

  constructor({ objects, clock, options }: LabelIndexesDependencies<T>) {
    this.#objects = objects;
    this.#clock = clock;
    this.#options = options;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Objects of all namespaces that may have it, in key order; undefined: any may. Valid until the next write. */
  find({ label, value }: LabelValue): readonly T[] | undefined {
    const kept = this.#kept.get(label) ?? this.#begin(label);
    if (kept === undefined) return undefined;
    kept.usedMs = this.#clock.monotonicMs();
    return kept.waiting.length === 0 ? kept.index.find(value) : undefined;
  }

  /** The key of these holds `object` now, and held `previous` before. */
  replace(previous: T | undefined, object: T | undefined): void {
    for (const { index } of this.#kept.values()) {
      if (object !== undefined) index.set(object, previous);
      else if (previous !== undefined) index.delete(previous);
    }
  }

  /** Gives up what nobody has asked for a while. */
  sweep(): void {
    const deadline = this.#clock.monotonicMs() - this.#options.labelIndexIdleMs;
    for (const [label, { usedMs }] of this.#kept) if (usedMs <= deadline) this.#drop(label);
  }

  close(): void {
    for (const label of [...this.#kept.keys()]) this.#drop(label);
  }

  /** Undefined: it is not worth it, or there are enough. */
  #begin(label: string): Kept<T> | undefined {
    const { labelIndexFrom, maxLabelIndexes } = this.#options;
    if (this.#objects.size < labelIndexFrom || this.#kept.size >= maxLabelIndexes) return undefined;
    const waiting = [...this.#objects.iterate()].reverse();
    const kept: Kept<T> = { index: new LabelIndex(label), waiting, timer: undefined, usedMs: 0 };
    this.#kept.set(label, kept);
    this.#schedule(kept);
    return kept;
  }

  #schedule(kept: Kept<T>): void {
    kept.timer = this.#clock.setTimer(0, () => {
      for (let left = this.#options.labelIndexObjectsPerTurn; left > 0; left--) {
        const item = kept.waiting.pop();
        if (item === undefined) break;
        // What was written meanwhile is filed already.
        if (this.#objects.get(item.namespace, item.key) === item) kept.index.set(item, undefined);
      }
      if (kept.waiting.length > 0) this.#schedule(kept);
    });
  }

  #drop(label: string): void {
    this.#kept.get(label)?.timer?.cancel();
    this.#kept.delete(label);
  }
}
