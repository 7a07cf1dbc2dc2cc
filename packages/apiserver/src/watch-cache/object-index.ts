/**
 * The current objects of one resource in key order, in one bucket per namespace: a fleet keeps a namespace per
 * cluster, so nearly every list and watch concerns one bucket. Buckets are sorted arrays: the smallest form, and
 * replacing an object, the common write, moves nothing.
 */
import { compareKeys } from '../storage/keys.js';
import { keyOf, lowerBound, upperBound } from './key-order.js';
import type { CachedObject } from './types.js';

interface Bucket<T> {
  readonly scope: string;
  readonly items: T[];
}

export class ObjectIndex<T extends CachedObject> {
  readonly #buckets = new Map<string, Bucket<T>>();
  /** Buckets in key order; that is the order of `<namespace>/`, not of the namespace. */
  readonly #order: Bucket<T>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(namespace: string, key: string): T | undefined {
    const items = this.#buckets.get(namespace)?.items;
    if (items === undefined) return undefined;
    const item = items[lowerBound(items, key, keyOf)];
    return item?.key === key ? item : undefined;
  }

  /** Adds or replaces. */
  set(item: T): void {
    let bucket = this.#buckets.get(item.namespace);
    if (bucket === undefined) {
      bucket = { scope: `${item.namespace}/`, items: [] };
      this.#buckets.set(item.namespace, bucket);
      this.#order.splice(lowerBound(this.#order, bucket.scope, scopeOf), 0, bucket);
    }
    const { items } = bucket;
    const last = items.at(-1);
    const at =
      last !== undefined && compareKeys(last.key, item.key) < 0
        ? items.length
        : lowerBound(items, item.key, keyOf);
    if (items[at]?.key === item.key) {
      items[at] = item;
      return;
    }
    items.splice(at, 0, item);
    this.#size++;
  }

  delete(namespace: string, key: string): void {
    const bucket = this.#buckets.get(namespace);
    if (bucket === undefined) return;
    const at = lowerBound(bucket.items, key, keyOf);
    if (bucket.items[at]?.key !== key) return;
    bucket.items.splice(at, 1);
    this.#size--;
    if (bucket.items.length > 0) return;
    this.#buckets.delete(namespace);
    this.#order.splice(lowerBound(this.#order, bucket.scope, scopeOf), 1);
  }

  /** Objects in the scope: all, or one namespace's. */
  count(namespace?: string): number {
    return namespace === undefined ? this.#size : (this.#buckets.get(namespace)?.items.length ?? 0);
  }

  /** Objects in the scope with a key greater than `after`. */
  countAfter(namespace: string | undefined, after: string): number {
    let count = 0;
    for (const { items } of this.#scope(namespace)) {
      const last = items.at(-1);
      if (last !== undefined && compareKeys(last.key, after) > 0)
        count += items.length - upperBound(items, after);
    }
    return count;
  }

  /** Objects of the scope in key order, those after `startAfter` only. */
  *iterate(namespace?: string, startAfter?: string): Generator<T> {
    for (const { items } of this.#scope(namespace)) {
      const last = items.at(-1);
      if (startAfter !== undefined && last !== undefined && compareKeys(last.key, startAfter) <= 0) continue;
      for (let at = startAfter === undefined ? 0 : upperBound(items, startAfter); at < items.length; at++) {
        const item = items[at];
        if (item !== undefined) yield item;
      }
    }
  }

  #scope(namespace: string | undefined): readonly Bucket<T>[] {
    if (namespace === undefined) return this.#order;
    const bucket = this.#buckets.get(namespace);
    return bucket === undefined ? [] : [bucket];
  }
}

function scopeOf(bucket: Bucket<unknown>): string {
  return bucket.scope;
}
