/**
 * The objects that an informer has seen, by key, by namespace and by what indexes its users add. Objects are
 * immutable: readers share them. Written by the informer only.
 */
import type { KubeObject } from '@flotilla/api';
import type { ObjectKey } from '../client/client.js';
import { formatKey, keyOf } from './object-key.js';

/** Looks up the objects that were filed under a value. */
export type IndexLookup<T> = (value: string) => readonly T[];

export interface InformerCache<T> {
  /** By `namespace/name` or by its parts. */
  get(key: string | ObjectKey): T | undefined;
  /** All objects, or those of a namespace; in no order to rely on. */
  list(namespace?: string): readonly T[];
  /** Keys of all objects. */
  keys(): readonly string[];
  readonly size: number;
  /** Files each object, present and future, under the values that `valuesOf` gives. */
  addIndex(valuesOf: (object: T) => readonly string[]): IndexLookup<T>;
}

interface Index<T> {
  readonly valuesOf: (object: T) => readonly string[];
  readonly buckets: Map<string, Map<string, T>>;
}

export class ObjectCache<T extends KubeObject> implements InformerCache<T> {
  readonly #objects = new Map<string, T>();
  readonly #byNamespace: Index<T> = {
    valuesOf: ({ metadata }) => (metadata.namespace ? [metadata.namespace] : []),
    buckets: new Map(),
  };
  readonly #indexes: Index<T>[] = [this.#byNamespace];

  get size(): number {
    return this.#objects.size;
  }

  get(key: string | ObjectKey): T | undefined {
    return this.#objects.get(typeof key === 'string' ? key : formatKey(key));
  }

  list(namespace?: string): readonly T[] {
    if (namespace === undefined) return [...this.#objects.values()];
    return bucketOf(this.#byNamespace, namespace);
  }

  keys(): readonly string[] {
    return [...this.#objects.keys()];
  }

  addIndex(valuesOf: (object: T) => readonly string[]): IndexLookup<T> {
    const index: Index<T> = { valuesOf, buckets: new Map() };
    this.#indexes.push(index);
    for (const [key, object] of this.#objects) file(index, key, object);
    return (value) => bucketOf(index, value);
  }

  /** Returns what was there before. */
  set(object: T): T | undefined {
    const key = keyOf(object);
    const old = this.#objects.get(key);
    for (const index of this.#indexes) {
      if (old !== undefined) unfile(index, key, old);
      file(index, key, object);
    }
    this.#objects.set(key, object);
    return old;
  }

  /** Returns what was there. */
  delete(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    for (const index of this.#indexes) unfile(index, key, old);
    this.#objects.delete(key);
    return old;
  }
}

function bucketOf<T>(index: Index<T>, value: string): readonly T[] {
  const bucket = index.buckets.get(value);
  return bucket === undefined ? [] : [...bucket.values()];
}

function file<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    let bucket = index.buckets.get(value);
    if (bucket === undefined) {
      bucket = new Map();
      index.buckets.set(value, bucket);
    }
    bucket.set(key, object);
  }
}

function unfile<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const bucket = index.buckets.get(value);
    bucket?.delete(key);
    if (bucket?.size === 0) index.buckets.delete(value);
  }
}
