/** What the tests of this folder share: a cache over a memory store on a virtual clock, and a sink that records. */
import type { KubeObject } from '@flotilla/api';
import { createVirtualClock, type VirtualClock } from '@flotilla/kube/testing';
import { encodeObject } from '../../storage/codec.js';
import { objectKey, resourcePrefix } from '../../storage/keys.js';
import { createMemoryStore, type MemoryStore } from '../../storage/memory-store.js';
import type { Revision } from '../../storage/store.js';
import type {
  CacheEvent,
  CacheWatch,
  WatchCacheOptions,
  WatchEnd,
  WatchOptions,
  WatchSink,
} from '../types.js';
import { WatchCache } from '../watch-cache.js';

export const widgets = { group: 'example.com', resource: 'widgets' };
export const prefix = resourcePrefix(widgets);
export const none = 0n as Revision;

export interface Kit {
  readonly clock: VirtualClock;
  readonly store: MemoryStore;
  readonly cache: WatchCache;
  /** Creates or replaces a widget; `label` becomes the label `l`. */
  put(name: string, label?: string): Promise<Revision>;
  remove(name: string): Promise<Revision>;
}

/** Names are `<namespace>/<name>` or `<name>`. */
export function widgetKey(name: string): string {
  const slash = name.indexOf('/');
  return objectKey({ ...widgets, namespace: name.slice(0, Math.max(slash, 0)), name: name.slice(slash + 1) });
}

export function widget(name: string, label = ''): KubeObject {
  return { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name, labels: { l: label } } };
}

export async function startCache(
  options: Partial<WatchCacheOptions> = {},
  store: MemoryStore = createMemoryStore(),
): Promise<Kit> {
  const clock = createVirtualClock();
  const cache = new WatchCache({ store, clock }, { freezeObjects: true, ...options });
  await cache.start();
  return { clock, store, cache, ...writers(store) };
}

export function writers(store: MemoryStore): Pick<Kit, 'put' | 'remove'> {
  return {
    put: async (name, label) => {
      const key = widgetKey(name);
      const expected = (await store.get(key))?.modRevision ?? none;
      const result = await store.write({
        type: 'put',
        key,
        value: encodeObject(widget(name, label)),
        expected,
      });
      if (!result.ok) throw new Error(`${name} was changed meanwhile`);
      return result.revision;
    },
    remove: async (name) => {
      const key = widgetKey(name);
      const expected = (await store.get(key))?.modRevision ?? none;
      const result = await store.write({ type: 'delete', key, expected });
      if (!result.ok) throw new Error(`${name} does not exist`);
      return result.revision;
    },
  };
}

/** `ADDED a/x=red@5`: type, name, label and resourceVersion as the object's JSON has them. */
export function describeEvent({ type, object, revision }: CacheEvent): string {
  const { metadata } = object.object;
  if (metadata.resourceVersion !== String(revision)) throw new Error('object and event differ in revision');
  return `${type} ${metadata.name}=${metadata.labels?.['l']}@${revision}`;
}

export class Recorder implements WatchSink {
  readonly events: CacheEvent[] = [];
  readonly ends: WatchEnd[] = [];
  /** Sizes of the deliveries. */
  readonly turns: number[] = [];
  /** What the peer answers: false for one that does not keep up. */
  open = true;

  onEvents(events: readonly CacheEvent[]): boolean {
    this.events.push(...events);
    this.turns.push(events.length);
    return this.open;
  }

  onEnd(reason: WatchEnd): void {
    this.ends.push(reason);
  }

  get seen(): string[] {
    return this.events.map(describeEvent);
  }
}

/** A running watch and what it got. */
export function record(cache: WatchCache, options: WatchOptions = {}): { watch: CacheWatch; sink: Recorder } {
  const sink = new Recorder();
  const watch = cache.watch(prefix, options, sink);
  watch.resume();
  return { watch, sink };
}

export function labelled(label: string): NonNullable<WatchOptions['select']> {
  return ({ object }) => object.metadata.labels?.['l'] === label;
}
