/**
 * Watches what was applied: one informer for each resource in use, metadata only, so that a change is known within
 * milliseconds and costs little. Whoever tracks an object is told when its metadata shows another state; the object
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
  /** Metadata as last seen, undefined when the object is not there; `unknown` before the watch is synced. */
  look(tracked: Tracked): ObjectMeta | undefined | 'unknown';
  /** Works that track the object. */
  trackers(tracked: Tracked): readonly string[];
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

interface Watch {
  readonly ref: ResourceRef;
  readonly informer: Informer<KubeObject>;
  /** Works by object key. */
  readonly works: Map<string, Set<string>>;
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
      const works = watch.works.get(id);
      if (works === undefined) watch.works.set(id, new Set([work]));
      else works.add(work);
    }
    for (const tracked of dropped) this.#untrack(work, tracked);
  }

  look({ ref, key }: Tracked): ObjectMeta | undefined | 'unknown' {
    const informer = this.#watches.get(refId(ref))?.informer;
    return informer?.isSynced ? informer.cache.get(key)?.metadata : 'unknown';
  }

  trackers({ ref, key }: Tracked): readonly string[] {
    return [...(this.#watches.get(refId(ref))?.works.get(formatKey(key)) ?? [])];
  }

  #untrack(work: string, tracked: Tracked): void {
    const watch = this.#watches.get(refId(tracked.ref));
    const id = formatKey(tracked.key);
    const works = watch?.works.get(id);
    if (watch === undefined || works === undefined) return;
    works.delete(work);
    // Whoever else has the object may now have it alone.
    for (const other of works) this.#options.onChange(other, tracked, watch.informer.cache.get(id)?.metadata);
    if (works.size > 0) return;
    watch.works.delete(id);
    if (watch.works.size === 0) this.#shut(watch);
  }

  #open(ref: ResourceRef): Watch {
    const { env, client, onBroken } = this.#options;
    const informer = createInformer(client, ref, {
      env,
      metadataOnly: true,
      transform: shrink,
      onFailure: onBroken,
    });
    const watch: Watch = { ref, informer, works: new Map() };
    informer.onChange(({ type, object }) => {
      const works = watch.works.get(keyOf(object));
      if (works === undefined) return;
      const { name = '', namespace } = object.metadata;
      const tracked = { ref, key: { name, ...(namespace !== undefined && { namespace }) } };
      for (const work of works) {
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

/** Identity and version are all that is asked of it; most objects of a resource are not ours. */
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
