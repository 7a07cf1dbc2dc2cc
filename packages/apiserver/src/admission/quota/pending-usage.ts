/**
 * What admission has let through and the cache does not show yet: between the two nobody may call it unused. An object
 * that does not appear within some seconds was not stored after all. Kept by the quota plugin, asked by whoever
 * measures. Bounded by the writes of these seconds.
 */
import type { KubeObject } from '@flotilla/api';
import type { Clock } from '@flotilla/kube';
import type { ObjectReader } from '../../authentication/object-reader.js';
import type { Counted } from './usage.js';

interface Pending {
  readonly counted: Counted;
  readonly object: KubeObject;
  /** Undefined for a create. */
  readonly old: KubeObject | undefined;
  readonly untilMs: number;
}

/** Longer than a write may wait for the store. */
export const pendingMs = 6000;

export class PendingUsage {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #byNamespace = new Map<string, Pending[]>();
  readonly #tails = new Map<string, Promise<void>>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** One at a time for each namespace: who checks and notes, and who measures and corrects, must not mix. */
  async exclusively<T>(namespace: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#tails.get(namespace) ?? Promise.resolve()).then(work);
    // The caller has the failure; the next one only waits.
    const tail = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#tails.set(namespace, tail);
    try {
      return await turn;
    } finally {
      if (this.#tails.get(namespace) === tail) this.#tails.delete(namespace);
    }
  }

  note(namespace: string, write: Omit<Pending, 'untilMs'>): void {
    const known = this.#byNamespace.get(namespace);
    const pending = { ...write, untilMs: this.#clock.monotonicMs() + pendingMs };
    if (known === undefined) this.#byNamespace.set(namespace, [pending]);
    else known.push(pending);
  }

  /** The cache has shown the object, or that it has gone. */
  settle({ metadata }: KubeObject): void {
    const { namespace = '', uid } = metadata;
    const known = this.#byNamespace.get(namespace);
    if (known === undefined) return;
    const left = known.filter(({ object }) => object.metadata.uid !== uid);
    if (left.length === 0) this.#byNamespace.delete(namespace);
    else if (left.length < known.length) this.#byNamespace.set(namespace, left);
  }

  /** Objects to count besides, or in place of, those of the cache. */
  list(namespace: string, reader: Pick<ObjectReader, 'get'>): readonly Omit<Pending, 'untilMs'>[] {
    const known = this.#byNamespace.get(namespace);
    if (known === undefined) return [];
    const nowMs = this.#clock.monotonicMs();
    const left = known.filter((pending) => pending.untilMs > nowMs && !isVisible(pending, reader));
    if (left.length === 0) this.#byNamespace.delete(namespace);
    else this.#byNamespace.set(namespace, left);
    return left;
  }
}

function isVisible({ counted, object, old }: Pending, reader: Pick<ObjectReader, 'get'>): boolean {
  const { namespace = '', name = '', uid } = object.metadata;
  const found = reader.get(counted.group, counted.resource, { namespace, name });
  if (found === undefined || found.metadata.uid !== uid) return false;
  return old === undefined || found.metadata.resourceVersion !== old.metadata.resourceVersion;
}
