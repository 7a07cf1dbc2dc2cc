/** What the store of one managed cluster has ever shown, as far as promises are judged by it. Kept by the observer. */
import type { KubeObject } from '@flotilla/api';
import { inventoryPrefix } from './record-first.js';

/** An object of a managed cluster as its store has it. */
export interface SeenObject {
  readonly object: KubeObject;
  /** Since when each inventory (uid) has owned it. */
  readonly ownedSince: ReadonlyMap<string, number>;
}

/** One managed cluster's objects. */
export class ClusterView {
  readonly objects = new Map<string, SeenObject>();
  /** Tokens that an object has ever had, by its key. */
  readonly tokens = new Map<string, Set<string>>();
  /** The last token that each work gave an object, by key and work. */
  readonly latest = new Map<string, string>();
  /** The last token that each work gave any object: how far its klusterlet is. */
  readonly reached = new Map<string, string>();
  /** Keys under which there has ever been an object. */
  readonly keys = new Set<string>();
  /** Objects (uid) that the world planted: nobody but the world may delete or change them. */
  readonly foreign = new Map<string, { readonly key: string; readonly mayChange: boolean }>();
  /** Objects (uid) that the world itself deletes. */
  readonly doomed = new Set<string>();
  /** The klusterlet leaves, and takes along what works own. */
  isBeingLeft = false;
  /** Inventories (uid) that a klusterlet gave up when it left without what they own, and when it began to. */
  readonly givenUp = new Map<string, number>();
}

/** The inventories of a managed cluster, by the name of their work. */
export function inventoriesOf(view: ClusterView): Map<string, KubeObject> {
  const found = new Map<string, KubeObject>();
  for (const [key, { object }] of view.objects) {
    if (!key.startsWith(inventoryPrefix)) continue;
    const name = key.slice(inventoryPrefix.length);
    found.set(name.slice(name.indexOf('-') + 1), object);
  }
  return found;
}
