/**
 * The watches of one resource, filed by what they are interested in, so that a change visits only those: looking
 * through ten thousand watchers for each event would cost more than everything else together.
 */
import type { Change } from './cache-event.js';
import type { WatchScope } from './event-window.js';

export class WatchSet<T extends WatchScope> {
  readonly #buckets = new Map<string, Set<T>>();

  add(watch: T): void {
    const bucket = bucketOf(watch.namespace, watch.name);
    const watches = this.#buckets.get(bucket);
    if (watches === undefined) this.#buckets.set(bucket, new Set([watch]));
    else watches.add(watch);
  }

  delete(watch: T): void {
    const bucket = bucketOf(watch.namespace, watch.name);
    const watches = this.#buckets.get(bucket);
    watches?.delete(watch);
    if (watches?.size === 0) this.#buckets.delete(bucket);
  }

  /** Calls `visit` for every watch whose scope has the change's key. */
  forEachInterested({ namespace, name }: Change, visit: (watch: T) => void): void {
    this.#buckets.get(bucketOf(undefined, undefined))?.forEach(visit);
    this.#buckets.get(bucketOf(undefined, name))?.forEach(visit);
    this.#buckets.get(bucketOf(namespace, undefined))?.forEach(visit);
    this.#buckets.get(bucketOf(namespace, name))?.forEach(visit);
  }

  *[Symbol.iterator](): Generator<T> {
    for (const watches of this.#buckets.values()) yield* watches;
  }
}

/** No namespace or name holds a slash, so the four kinds of scope never share a bucket. */
function bucketOf(namespace: string | undefined, name: string | undefined): string {
  return `${namespace === undefined ? '' : `n${namespace}`}/${name ?? ''}`;
}
