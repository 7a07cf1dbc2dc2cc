/**
 * One stored resource as the ownership graph sees it, straight from the watch cache. Most objects have no owner and are
 * not being deleted: their bytes tell so, and they are neither parsed nor kept here. Of the others little is kept.
 */
import type { KubeObject, ObjectMeta } from '@flotilla/api';
import { type Change, formatKey, parseKey } from '@flotilla/kube';
import { foregroundFinalizer, orphanFinalizer } from '../registry/object-meta.js';
import type { ResourceDefinition } from '../registry/resource.js';
import { storageRef } from '../registry/versions.js';
import { objectKey, resourcePrefix } from '../storage/keys.js';
import type { CachedObject, CacheEvent, CacheWatch, WatchSink } from '../watch-cache/types.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';

/** What the garbage collector reads of a server's watch cache. */
export type OwnershipCache = Pick<WatchCache, 'get' | 'list' | 'watch'>;

export interface FeedChange extends Change<KubeObject> {
  readonly key: string;
}

export interface FeedOptions {
  readonly cache: OwnershipCache;
  /**
   * Told of what has owners or is being deleted, of what had or was a moment ago, and of each object that is gone.
   * `old` is absent where it had neither. Must not throw.
   */
  readonly onChange: (change: FeedChange) => void;
  /** Changes were missed: what is there has been told anew, but not each object that went meanwhile. */
  readonly onGap: () => void;
}

export class OwnershipFeed implements WatchSink {
  readonly definition: ResourceDefinition;
  readonly #options: FeedOptions;
  readonly #prefix: string;
  /** What is kept of objects with owners or under deletion. */
  readonly #kept = new Map<string, KubeObject>();
  readonly #keysByOwner = new Map<string, Set<string>>();
  #watch: CacheWatch | undefined;
  #isClosed = false;

  constructor(definition: ResourceDefinition, options: FeedOptions) {
    this.definition = definition;
    this.#options = options;
    this.#prefix = resourcePrefix(storageRef(definition));
  }

  /** Tells of what is there, then follows it. */
  start(): void {
    const { items, revision } = this.#options.cache.list(this.#prefix);
    for (const item of items) this.#see(item);
    this.#watch = this.#options.cache.watch(this.#prefix, { after: revision }, this);
    this.#watch.resume();
  }

  close(): void {
    this.#isClosed = true;
    this.#watch?.close();
  }

  /** What is kept of it, or all of it; immutable. */
  get(key: string): KubeObject | undefined {
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    return this.#options.cache.get(objectKey({ ...storageRef(this.definition), ...parseKey(key) }))?.object;
  }

  dependentsOf(uid: string): { readonly key: string; readonly object: KubeObject }[] {
    const found: { key: string; object: KubeObject }[] = [];
    for (const key of this.#keysByOwner.get(uid) ?? []) {
      const object = this.#kept.get(key);
      if (object !== undefined) found.push({ key, object });
    }
    return found;
  }

  /** All objects with owners or under deletion. */
  get kept(): ReadonlyMap<string, KubeObject> {
    return this.#kept;
  }

  /** All objects. */
  list(): readonly CachedObject[] {
    return this.#options.cache.list(this.#prefix).items;
  }

  onEvents(events: readonly CacheEvent[]): boolean {
    for (const { type, object } of events) {
      if (type === 'DELETED') this.#remove(formatKey(object), this.#shrink(object));
      else this.#see(object);
    }
    return true;
  }

  onEnd(): void {
    if (this.#isClosed) return;
    const there = new Set(this.list().map(formatKey));
    for (const [key, object] of [...this.#kept]) if (!there.has(key)) this.#remove(key, object);
    this.start();
    this.#options.onGap();
  }

  #see(cached: CachedObject): void {
    const key = formatKey(cached);
    const old = this.#kept.get(key);
    const isKept = concernsOwnership(cached.json);
    if (!isKept && old === undefined) return;
    const object = this.#shrink(cached);
    if (old !== undefined) this.#forget(key, old);
    if (isKept) this.#keep(key, object);
    this.#options.onChange({
      type: old === undefined ? 'added' : 'updated',
      key,
      object,
      ...(old && { old }),
    });
  }

  #remove(key: string, object: KubeObject): void {
    const old = this.#kept.get(key);
    if (old !== undefined) this.#forget(key, old);
    this.#options.onChange({ type: 'deleted', key, object });
  }

  #keep(key: string, object: KubeObject): void {
    this.#kept.set(key, object);
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const keys = this.#keysByOwner.get(uid);
      if (keys === undefined) this.#keysByOwner.set(uid, new Set([key]));
      else keys.add(key);
    }
  }

  #forget(key: string, object: KubeObject): void {
    this.#kept.delete(key);
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const keys = this.#keysByOwner.get(uid);
      keys?.delete(key);
      if (keys?.size === 0) this.#keysByOwner.delete(uid);
    }
  }

  #shrink({ object: { apiVersion, kind, metadata } }: CachedObject): KubeObject {
    return { apiVersion, kind, metadata: shrink(metadata) };
  }
}

const marks = [Buffer.from('"ownerReferences":'), Buffer.from('"deletionTimestamp":')];

/** False only for an object with no owner that is not being deleted. Some other field of such a name does no harm. */
function concernsOwnership(json: Buffer): boolean {
  return marks.some((mark) => json.includes(mark));
}

/** The bounded remainder that stays in memory. */
function shrink(metadata: ObjectMeta): ObjectMeta {
  const { name = '', namespace, uid = '' } = metadata;
  const { deletionTimestamp, finalizers, ownerReferences } = metadata;
  const kept: ObjectMeta = { name, uid };
  if (namespace !== undefined) kept.namespace = namespace;
  if (ownerReferences !== undefined) kept.ownerReferences = ownerReferences;
  if (deletionTimestamp === undefined) return kept;
  kept.deletionTimestamp = deletionTimestamp;
  // Others' finalizers are no business of this collector.
  if (finalizers !== undefined) kept.finalizers = finalizers.filter(isPropagation);
  return kept;
}

function isPropagation(finalizer: string): boolean {
  return finalizer === foregroundFinalizer || finalizer === orphanFinalizer;
}
