/**
 * Watches what was applied: one informer for each resource in use, metadata only, so that a change is known within
 * milliseconds and costs little. Of the resource's objects only those are kept that somebody tracks: memory grows with
 * what is managed, not with what the cluster holds. Whoever tracks an object is told when its metadata shows another state; the object
 * itself is read by whoever is told. Called by the reconciler.
 */
import type { KubeObject, ObjectMeta } from '@flotilla/api';
import {
  createInformer,
  type Env,
  formatKey,
  type Informer,
  type KubeClient,
  keyOf,
  type ObjectKey,
  type ResourceRef,
  type Spawned,
  spawn,
} from '@flotilla/kube';

/** One object that is watched. */
export interface Tracked {
  readonly ref: ResourceRef;
  readonly key: ObjectKey;
}

export interface ObjectWatchesOptions {
  readonly env: Pick<Env, 'clock' | 'random' | 'log'>;
  readonly client: KubeClient;
  /** Called with the name of each work that tracks the object. */
  readonly onChange: (work: string, tracked: Tracked, metadata: ObjectMeta | undefined) => void;
  /** A watch broke: its cluster may have restarted, and may serve other versions now. */
  readonly onBroken: () => void;
}

export interface ObjectWatches {
  /** Replaces the list of objects that a work tracks; an empty list ends it. */
  track(work: string, objects: readonly Tracked[]): void;
  /**
   * Metadata as last seen, undefined when the object is not there; `unknown` before the watch is synced, and of an
   * object that came to be tracked later until the watch shows it, or somebody who has read it tells.
   */
  look(tracked: Tracked): ObjectMeta | undefined | 'unknown';
  /** What was read of a tracked object, undefined when it was not there; the watch's own word goes before it. */
  note(tracked: Tracked, live: KubeObject | undefined): void;
  /** Works that track the object. */
  trackers(tracked: Tracked): readonly string[];
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

interface Entry {
  /** Works that track the object. */
  readonly works: Set<string>;
  /** Whether it is known how the object is. */
  isKnown: boolean;
}

interface Watch {
  readonly ref: ResourceRef;
  readonly informer: Informer<KubeObject>;
  /** By object key. */
  readonly entries: Map<string, Entry>;
}

export function createObjectWatches(options: ObjectWatchesOptions): ObjectWatches {
  return new ResourceWatches(options);
}

class ResourceWatches implements ObjectWatches {
  readonly #options: ObjectWatchesOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #byWork = new Map<string, readonly Tracked[]>();
  readonly #closing = new Set<Spawned>();
  #signal: AbortSignal | undefined;

  constructor(options: ObjectWatchesOptions) {
    this.#options = options;
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    for (const { informer } of this.#watches.values()) informer.start(signal);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#watches.values()].map(({ informer }) => informer.close()));
    await Promise.all([...this.#closing].map(({ done }) => done));
  }

  track(work: string, objects: readonly Tracked[]): void {
    const before = this.#byWork.get(work) ?? [];
    const added = new Set(objects.map(idOf));
    const dropped = before.filter((tracked) => !added.has(idOf(tracked)));
    if (objects.length === 0) this.#byWork.delete(work);
    else this.#byWork.set(work, objects);
    for (const { ref, key } of objects) {
      const watch = this.#watches.get(refId(ref)) ?? this.#open(ref);
      const id = formatKey(key);
      const entry = watch.entries.get(id);
      if (entry === undefined) watch.entries.set(id, { works: new Set([work]), isKnown: false });
      else entry.works.add(work);
    }
    for (const tracked of dropped) this.#untrack(work, tracked);
  }

  look({ ref, key }: Tracked): ObjectMeta | undefined | 'unknown' {
    const watch = this.#watches.get(refId(ref));
    if (watch === undefined || !watch.informer.isSynced) return 'unknown';
    const id = formatKey(key);
    return watch.entries.get(id)?.isKnown === true ? watch.informer.cache.get(id)?.metadata : 'unknown';
  }

  note({ ref, key }: Tracked, live: KubeObject | undefined): void {
    const watch = this.#watches.get(refId(ref));
    const entry = watch?.entries.get(formatKey(key));
    if (watch === undefined || entry === undefined || entry.isKnown) return;
    if (!watch.informer.isSynced) return; // its first list tells, or what comes after it
    entry.isKnown = true;
    if (live !== undefined) watch.informer.teach(shrink(live));
  }

  trackers({ ref, key }: Tracked): readonly string[] {
    return [...(this.#watches.get(refId(ref))?.entries.get(formatKey(key))?.works ?? [])];
  }

  #untrack(work: string, tracked: Tracked): void {
    const watch = this.#watches.get(refId(tracked.ref));
    const id = formatKey(tracked.key);
    const works = watch?.entries.get(id)?.works;
    if (watch === undefined || works === undefined) return;
    works.delete(work);
    // Whoever else has the object may now have it alone.
    for (const other of works) this.#options.onChange(other, tracked, watch.informer.cache.get(id)?.metadata);
    if (works.size > 0) return;
    watch.entries.delete(id);
    watch.informer.drop(id);
    if (watch.entries.size === 0) this.#shut(watch);
  }

  #open(ref: ResourceRef): Watch {
    const { env, client, onBroken } = this.#options;
    const entries = new Map<string, Entry>();
    const informer = createInformer(client, ref, {
      env,
      metadataOnly: true,
      transform: shrink,
      keep: (object) => entries.has(keyOf(object)),
      onFailure: onBroken,
    });
    const watch: Watch = { ref, informer, entries };
    informer.onChange(({ type, object }) => {
      const entry = entries.get(keyOf(object));
      if (entry === undefined) return;
      entry.isKnown = true;
      const { name = '', namespace } = object.metadata;
      const tracked = { ref, key: { name, ...(namespace !== undefined && { namespace }) } };
      for (const work of entry.works) {
        this.#options.onChange(work, tracked, type === 'deleted' ? undefined : object.metadata);
      }
    });
    this.#watches.set(refId(ref), watch);
    if (this.#signal) informer.start(this.#signal);
    return watch;
  }

  #shut(watch: Watch): void {
    this.#watches.delete(refId(watch.ref));
    const closing = spawn('close a watch', () => watch.informer.close(), { log: this.#options.env.log });
    this.#closing.add(closing);
    void closing.done.then(() => this.#closing.delete(closing));
  }
}

/** Identity and version are all that is asked of it. */
function shrink({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      ...(name !== undefined && { name }),
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
  };
}

function refId({ group, version, resource }: ResourceRef): string {
  return `${resource}.${version}.${group}`;
}

function idOf({ ref, key }: Tracked): string {
  return `${refId(ref)}/${formatKey(key)}`;
}
