/**
 * One object of the cache: its wire bytes, and its tree only while somebody holds it. A hundred thousand idle
 * objects thus cost their bytes, not their parsed trees. Made by the watch cache alone.
 */
import type { KubeObject } from '@flotilla/api';
import { parseWire, rewireBytes, wireBytes } from '../storage/codec.js';
import type { ParsedKey } from '../storage/keys.js';
import type { Revision } from '../storage/store.js';
import type { CachedObject } from './types.js';

/** Where an object belongs, and how it is to be parsed. */
export interface EntryIdentity extends ParsedKey {
  readonly key: string;
  readonly freeze: boolean;
}

export class CacheEntry implements CachedObject {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: Revision;
  readonly json: Buffer;
  readonly #freeze: boolean;
  #parsed: WeakRef<KubeObject> | undefined;

  constructor(identity: EntryIdentity, revision: Revision, json: Buffer) {
    this.key = identity.key;
    this.namespace = identity.namespace;
    this.name = identity.name;
    this.revision = revision;
    this.json = json;
    this.#freeze = identity.freeze;
  }

  /** From a stored value. */
  static fromValue(identity: EntryIdentity, revision: Revision, value: Uint8Array): CacheEntry {
    return new CacheEntry(identity, revision, wireBytes(value, revision));
  }

  get object(): KubeObject {
    const held = this.#parsed?.deref();
    if (held !== undefined) return held;
    const object = parseWire(this.json);
    if (this.#freeze) deepFreeze(object);
    this.#parsed = new WeakRef(object);
    return object;
  }

  /** This state under another revision: what a DELETED event carries. */
  at(revision: Revision): CacheEntry {
    const identity = {
      key: this.key,
      prefix: '',
      namespace: this.namespace,
      name: this.name,
      freeze: this.#freeze,
    };
    return new CacheEntry(identity, revision, rewireBytes(this.json, this.revision, revision));
  }
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  Object.freeze(value);
  for (const child of Object.values(value)) deepFreeze(child);
}
