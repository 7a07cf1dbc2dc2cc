/**
 * The recent changes of one resource in revision order, addressed by a sequence number that never repeats: a watcher
 * keeps one such number instead of a queue. Holds every change of the resource after `startRevision`, without gaps.
 * An index by namespace (by name for cluster-scoped objects) lets ten thousand reconnecting watchers find their few
 * events without scanning each other's.
 */
import type { Revision } from '../storage/store.js';
import type { Change } from './cache-event.js';

/** What a watcher is interested in, by key. */
export interface WatchScope {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

export class EventWindow {
  #changes: Change[] = [];
  /** Changes before this index are gone; the array is cut down once in a while. */
  #head = 0;
  #firstSeq = 0;
  #startRevision: Revision;
  #bytes = 0;
  /** Sequence numbers by namespace, or by `/<name>` for cluster-scoped objects. */
  readonly #seqs = new Map<string, number[]>();
  #namespaced = false;

  constructor(startRevision: Revision) {
    this.#startRevision = startRevision;
  }

  /** Changes after this revision are all here. */
  get startRevision(): Revision {
    return this.#startRevision;
  }

  get firstSeq(): number {
    return this.#firstSeq;
  }

  /** The sequence number the next change will get. */
  get nextSeq(): number {
    return this.#firstSeq + this.size;
  }

  get size(): number {
    return this.#changes.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): Change | undefined {
    return this.#changes[this.#head];
  }

  at(seq: number): Change | undefined {
    return seq < this.#firstSeq ? undefined : this.#changes[this.#head + seq - this.#firstSeq];
  }

  /** Returns the sequence number of the change. */
  append(change: Change): number {
    const seq = this.nextSeq;
    this.#changes.push(change);
    this.#bytes += change.bytes;
    if (change.namespace !== '') this.#namespaced = true;
    const bucket = bucketOf(change);
    const seqs = this.#seqs.get(bucket);
    if (seqs === undefined) this.#seqs.set(bucket, [seq]);
    else seqs.push(seq);
    return seq;
  }

  dropOldest(): void {
    const change = this.#changes[this.#head];
    if (change === undefined) return;
    const bucket = bucketOf(change);
    const seqs = this.#seqs.get(bucket);
    seqs?.shift();
    if (seqs?.length === 0) this.#seqs.delete(bucket);
    this.#bytes -= change.bytes;
    this.#startRevision = change.revision;
    this.#firstSeq++;
    this.#head++;
    if (this.#head < 1024 && this.#head < this.#changes.length) return;
    this.#changes = this.#changes.slice(this.#head);
    this.#head = 0;
  }

  /** Gives up history before `revision`; for a window that holds nothing yet. */
  skipTo(revision: Revision): void {
    if (this.size === 0 && revision > this.#startRevision) this.#startRevision = revision;
  }

  /** Sequence number of the first change after a revision. */
  seqAfter(revision: Revision): number {
    let low = this.#head;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const change = this.#changes[middle];
      if (change !== undefined && change.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#firstSeq + low - this.#head;
  }

  /** First sequence number from `seq` on whose change may be in the scope; `nextSeq` when there is none. */
  seek(seq: number, scope: WatchScope): number {
    const bucket = this.#bucketFor(scope);
    if (bucket === undefined) return Math.min(seq, this.nextSeq);
    const seqs = this.#seqs.get(bucket) ?? [];
    let low = 0;
    let high = seqs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((seqs[middle] ?? seq) < seq) low = middle + 1;
      else high = middle;
    }
    return seqs[low] ?? this.nextSeq;
  }

  #bucketFor({ namespace, name }: WatchScope): string | undefined {
    if (namespace !== undefined && namespace !== '') return namespace;
    return name !== undefined && !this.#namespaced ? `/${name}` : undefined;
  }
}

function bucketOf({ namespace, name }: Change): string {
  return namespace === '' ? `/${name}` : namespace;
}

/** True when a change's key is in the scope. */
export function inScope({ namespace, name }: WatchScope, change: Change): boolean {
  return (
    (namespace === undefined || namespace === change.namespace) &&
    (name === undefined || name === change.name)
  );
}
