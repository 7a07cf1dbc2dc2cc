/**
 * One change in the window, and the up to three ways watchers may see it (ADDED, MODIFIED, DELETED). Each way is one
 * shared CacheEvent whose encodings are built once and held by the EncodedBytes budget, not for ever.
 */
import type { Revision } from '../storage/store.js';
import type { CacheEntry } from './cached-object.js';
import type { CachedObject, CacheEvent, CacheEventType } from './types.js';

type Select = ((object: CachedObject) => boolean) | undefined;

/** What a change is made of; `object` is absent for a delete, `previous` for a create. */
export interface ChangeParts {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: Revision;
  readonly object: CacheEntry | undefined;
  readonly previous: CacheEntry | undefined;
  /** When the cache learnt of it, on the monotonic clock. */
  readonly timeMs: number;
}

/** One entry of an event window. */
export class Change implements ChangeParts {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: Revision;
  readonly object: CacheEntry | undefined;
  readonly previous: CacheEntry | undefined;
  readonly timeMs: number;
  readonly #encoded: EncodedBytes;
  #added: SharedEvent | undefined;
  #modified: SharedEvent | undefined;
  #deleted: SharedEvent | undefined;

  constructor(parts: ChangeParts, encoded: EncodedBytes) {
    this.key = parts.key;
    this.namespace = parts.namespace;
    this.name = parts.name;
    this.revision = parts.revision;
    this.object = parts.object;
    this.previous = parts.previous;
    this.timeMs = parts.timeMs;
    this.#encoded = encoded;
  }

  /** What the window keeps alive for this change: the superseded object, and this bookkeeping. */
  get bytes(): number {
    return 400 + (this.previous?.json.length ?? 0);
  }

  /** Roughly what an event of this change weighs on the wire. */
  get eventBytes(): number {
    return (this.object ?? this.previous)?.json.length ?? 0;
  }

  /** The change as a watcher with this selector sees it; undefined when it does not concern it. */
  seenBy(select: Select): CacheEvent | undefined {
    const { object, previous } = this;
    const before = previous !== undefined && (select === undefined || select(previous));
    const after = object !== undefined && (select === undefined || select(object));
    if (after && before) {
      this.#modified ??= new SharedEvent('MODIFIED', this.revision, object, this.#encoded);
      return this.#modified;
    }
    if (after) {
      this.#added ??= new SharedEvent('ADDED', this.revision, object, this.#encoded);
      return this.#added;
    }
    if (!before) return undefined;
    this.#deleted ??= new SharedEvent('DELETED', this.revision, previous, this.#encoded);
    return this.#deleted;
  }
}

class SharedEvent implements CacheEvent {
  readonly type: CacheEventType;
  readonly revision: Revision;
  readonly #source: CacheEntry;
  readonly #budget: EncodedBytes;
  #object: CacheEntry | undefined;
  #encodings: Map<string, Uint8Array> | undefined;

  constructor(type: CacheEventType, revision: Revision, source: CacheEntry, budget: EncodedBytes) {
    this.type = type;
    this.revision = revision;
    this.#source = source;
    this.#budget = budget;
  }

  get object(): CachedObject {
    if (this.type !== 'DELETED') return this.#source;
    if (this.#object === undefined) {
      this.#object = this.#source.at(this.revision);
      this.#budget.hold(this, this.#object.json.length);
    }
    return this.#object;
  }

  encode(representation: string, build: (event: CacheEvent) => Uint8Array): Uint8Array {
    const cached = this.#encodings?.get(representation);
    if (cached !== undefined) return cached;
    const bytes = build(this);
    this.#encodings ??= new Map();
    this.#encodings.set(representation, bytes);
    this.#budget.hold(this, bytes.length);
    return bytes;
  }

  release(): void {
    this.#object = undefined;
    this.#encodings = undefined;
  }
}

/**
 * Holds what events have built, in two generations: `rotate` releases the older one. Rotated at every sweep, and
 * early when the younger one fills half of the bound, so both bytes and lifetime are bounded.
 */
export class EncodedBytes {
  readonly #maxBytes: number;
  #young = new Set<SharedEvent>();
  #youngBytes = 0;
  #old = new Set<SharedEvent>();
  #oldBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#youngBytes + this.#oldBytes;
  }

  hold(event: SharedEvent, bytes: number): void {
    if (this.#youngBytes + bytes > this.#maxBytes / 2) this.rotate();
    this.#young.add(event);
    this.#youngBytes += bytes;
  }

  rotate(): void {
    for (const event of this.#old) event.release();
    this.#old = this.#young;
    this.#oldBytes = this.#youngBytes;
    this.#young = new Set();
    this.#youngBytes = 0;
  }
}
