/**
 * Follows what the hub says of works and what their cluster really held, over all restarts, and compares the two when it
 * is asked: a status that claims a generation which was never applied, or that goes back, is a breach of P4.
 */
import type { KubeObject, ManifestWork } from '@flotilla/api';
import { hasReason } from '@flotilla/api';
import { type KubeClient, type ResourceRef, TransportError, wellKnown } from '@flotilla/kube';
import { pause } from '../support/processes.js';
import { contentOf, objectsOf } from './work-load.js';

export class Claims {
  readonly #stop = new AbortController();
  readonly #following: Promise<void>[] = [];
  /** `uid generation` -> name and content of a work. */
  readonly #contents = new Map<string, { readonly name: string; readonly content: number }>();
  /** Newest generation claimed, by uid. */
  readonly #newest = new Map<string, number>();
  readonly #claimed = new Set<string>();
  /** `name content` of each object that the cluster has held. */
  readonly #held = new Set<string>();
  readonly #breaches: string[] = [];

  constructor(sources: {
    readonly hub: KubeClient;
    readonly cluster: KubeClient;
    readonly namespace: string;
  }) {
    const { hub, cluster, namespace } = sources;
    this.#following.push(
      this.#follow<ManifestWork>(hub, { ref: wellKnown.manifestWorks, namespace }, (work) =>
        this.#hear(work),
      ),
      this.#follow<KubeObject>(cluster, { ref: wellKnown.configMaps, namespace: 'default' }, (object) => {
        const { content } = (object['data'] ?? {}) as { content?: string }; // a ConfigMap's
        this.#held.add(`${object.metadata.name} ${content}`);
      }),
    );
  }

  get count(): number {
    return this.#claimed.size;
  }

  /** What was claimed and never was so. The statuses have to have come to rest. */
  async end(): Promise<readonly string[]> {
    await pause(500); // for the cluster's last events
    this.#stop.abort(new Error('the test is over'));
    await Promise.all(this.#following);
    for (const claim of this.#claimed) {
      const { name, content } = this.#contents.get(claim) ?? { name: '', content: 0 };
      for (const object of name === '' ? [] : objectsOf(name, content)) {
        if (!this.#held.has(`${object} ${content}`))
          this.#breaches.push(`${object} never held ${content}, but was claimed`);
      }
    }
    return this.#breaches;
  }

  #hear(work: ManifestWork): void {
    const { uid = '', name = '', generation = 0 } = work.metadata;
    if (!name.startsWith('load-')) return; // not one of the load's
    this.#contents.set(`${uid} ${generation}`, { name, content: contentOf(work) });
    const applied = work.status?.conditions?.find(({ type }) => type === 'Applied');
    const claimed = applied?.observedGeneration ?? 0;
    if (claimed > generation) this.#breaches.push(`${name} claims ${claimed} of ${generation} generations`);
    const before = this.#newest.get(uid) ?? 0;
    if (claimed < before) this.#breaches.push(`${name} claims ${claimed} after ${before}`);
    this.#newest.set(uid, claimed);
    if (applied?.status === 'True') this.#claimed.add(`${uid} ${claimed}`);
  }

  async #follow<T extends KubeObject>(
    client: KubeClient,
    { ref, namespace }: { readonly ref: ResourceRef; readonly namespace: string },
    hear: (object: T) => void,
  ): Promise<void> {
    const { signal } = this.#stop;
    let resourceVersion: string | undefined;
    while (!signal.aborted) {
      try {
        if (resourceVersion === undefined) {
          const { items, metadata } = await client.list<T>(ref, { namespace });
          for (const item of items) hear(item);
          resourceVersion = metadata.resourceVersion ?? '0';
        }
        for await (const { type, object } of client.watch<T>(ref, { namespace, resourceVersion, signal })) {
          resourceVersion = object.metadata.resourceVersion ?? resourceVersion;
          if (type === 'ADDED' || type === 'MODIFIED') hear(object);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (hasReason(error, 'Expired', 'Gone')) resourceVersion = undefined;
        else if (!(error instanceof TransportError)) {
          this.#breaches.push(`following ${ref.resource}: ${String(error)}`);
          return;
        }
        await pause(100);
      }
    }
  }
}
