/**
 * Where works come from: the hub, watched, and until it has answered the saved copy. One work is one name. Another
 * transport (events instead of a watch) would be another implementation of `WorkSource`.
 */
import { equal, isPlan, type ManifestWork } from '@flotilla/api';
import {
  createInformer,
  dropManagedFields,
  type Env,
  type Informer,
  type KubeClient,
  wellKnown,
} from '@flotilla/kube';

export interface WorkSource {
  /** The work as last known, from the hub or from the saved copy. */
  get(name: string): ManifestWork | undefined;
  names(): readonly string[];
  /** True for a work that the hub itself has shown, so that it has a resourceVersion and a status. */
  isFromHub(name: string): boolean;
  /** True once the hub has told all its works: what is not among them is not there. */
  readonly isComplete: boolean;
  /**
   * Takes in what the hub answered to a call that was made from `base`. Ignored when the watch has shown something
   * else since: answers and events overtake each other, and an older state must not come after a newer one.
   */
  acknowledge(work: ManifestWork, base: ManifestWork): void;
  /**
   * What a write is to be bound to: it may have a spec that `get` does not have yet. Such a spec is not acted on before
   * the watch shows it, or what the watch still has to show before it would take the cluster back to an older state.
   */
  newest(name: string): ManifestWork | undefined;
  /** Fills in the saved works; before `start`. */
  restore(works: readonly ManifestWork[]): void;
  /** Resolves when the hub has told all its works. @throws when the signal aborts. */
  completed(signal: AbortSignal): Promise<void>;
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

export interface HubWorkSourceOptions {
  readonly env: Pick<Env, 'clock' | 'random' | 'log'>;
  readonly hub: KubeClient;
  readonly clusterName: string;
  /** Called with the name of each work that appeared, changed or went; `status`: in nothing but its status. */
  readonly onChange: (name: string, what: 'work' | 'status') => void;
  /** Called before `onChange` for a work whose deletion the hub has told, rather than not listing it any more. */
  readonly onDeleted: (work: ManifestWork) => void;
  /** Called each time the whole list of the hub has become known. */
  readonly onComplete: () => void;
}

export function createHubWorkSource(options: HubWorkSourceOptions): WorkSource {
  return new HubWorkSource(options);
}

interface Known {
  readonly work: ManifestWork;
  readonly fromHub: boolean;
}

class HubWorkSource implements WorkSource {
  readonly #options: HubWorkSourceOptions;
  readonly #informer: Informer<ManifestWork>;
  readonly #known = new Map<string, Known>();
  /** Answers of the hub with a spec that the watch has not shown. */
  readonly #ahead = new Map<string, ManifestWork>();

  constructor(options: HubWorkSourceOptions) {
    this.#options = options;
    this.#informer = createInformer<ManifestWork>(options.hub, wellKnown.manifestWorks, {
      env: options.env,
      namespace: options.clusterName,
      transform: (work) => this.#share(dropManagedFields(work)),
    });
    this.#informer.onChange(({ type, object, isTold }) => {
      const name = object.metadata.name ?? '';
      if (isTold) options.onDeleted(object);
      if (type !== 'deleted') options.onChange(name, this.#set(object));
      else if (this.#forget(object)) options.onChange(name, 'work');
    });
  }

  get isComplete(): boolean {
    return this.#informer.isSynced;
  }

  get(name: string): ManifestWork | undefined {
    return this.#known.get(name)?.work;
  }

  names(): readonly string[] {
    return [...this.#known.keys()];
  }

  isFromHub(name: string): boolean {
    return this.#known.get(name)?.fromHub ?? false;
  }

  acknowledge(work: ManifestWork, base: ManifestWork): void {
    const { name = '', uid, generation } = work.metadata;
    const newest = this.newest(name)?.metadata;
    const isStill = newest?.uid === uid && newest?.resourceVersion === base.metadata.resourceVersion;
    if (!isStill) return;
    const isShown = this.get(name)?.metadata.generation === generation;
    this.#ahead.delete(name);
    const shared = this.#share(dropManagedFields(work));
    if (isShown) this.#set(shared);
    else this.#ahead.set(name, shared);
  }

  newest(name: string): ManifestWork | undefined {
    return this.#ahead.get(name) ?? this.get(name);
  }

  restore(works: readonly ManifestWork[]): void {
    for (const work of works) this.#known.set(work.metadata.name ?? '', { work, fromHub: false });
  }

  completed(signal: AbortSignal): Promise<void> {
    return this.#informer.synced(signal);
  }

  start(signal: AbortSignal): void {
    this.#informer.start(signal);
    this.#informer.synced(signal).then(
      () => this.#complete(),
      (error: unknown) => this.#options.env.log.debug('works were not listed', { error }),
    );
  }

  close(): Promise<void> {
    return this.#informer.close();
  }

  /**
   * A spec that did not change stays the same object: a look at it is enough to see that, and of its manifests there is
   * one copy, shared with what is saved.
   */
  #share(work: ManifestWork): ManifestWork {
    const spec = this.#known.get(work.metadata.name ?? '')?.work.spec;
    // Compared as a whole: a hub that was restored from a backup counts generations a second time.
    return spec !== undefined && equal(spec, work.spec) ? { ...work, spec } : work;
  }

  #set(work: ManifestWork): 'work' | 'status' {
    const name = work.metadata.name ?? '';
    const old = this.#known.get(name);
    const hasSameSpec = old !== undefined && old.work.spec === work.spec;
    this.#known.set(name, { work, fromHub: true });
    const ahead = this.#ahead.get(name)?.metadata;
    const isBehind =
      ahead?.uid === work.metadata.uid && (work.metadata.generation ?? 0) < (ahead?.generation ?? 0);
    if (!isBehind) this.#ahead.delete(name);
    return hasSameSpec && old.fromHub && isSameWork(old.work, work) ? 'status' : 'work';
  }

  #forget(work: ManifestWork): boolean {
    const name = work.metadata.name ?? '';
    this.#ahead.delete(name);
    return this.#known.get(name)?.work.metadata.uid === work.metadata.uid && this.#known.delete(name);
  }

  /** Saved works that the hub does not have any more are gone. */
  #complete(): void {
    for (const [name, { fromHub }] of this.#known) {
      if (fromHub) continue;
      this.#known.delete(name);
      this.#options.onChange(name, 'work');
    }
    this.#options.onComplete();
  }
}

function isSameWork({ metadata: a }: ManifestWork, { metadata: b }: ManifestWork): boolean {
  return (
    a.uid === b.uid &&
    a.generation === b.generation &&
    a.deletionTimestamp === b.deletionTimestamp &&
    isPlan({ metadata: a }) === isPlan({ metadata: b }) &&
    equal(a.labels, b.labels) &&
    equal(a.finalizers, b.finalizers)
  );
}
