/**
 * Users who create, edit and delete the works of one cluster all the while, and an oracle that keeps what the hub has
 * acknowledged and what was on its way when an answer did not come. Every content is a number that never comes twice, so
 * that an object tells which write it is of. A lost answer is looked up at once, and what is found must be explained by
 * what was sent (P1). Used by the tests of real faults and by the soak.
 */
import { hasReason, type ManifestWork, StatusError } from '@flotilla/api';
import { type KubeClient, type Random, TransportError, wellKnown } from '@flotilla/kube';
import { pause } from '../support/processes.js';

export interface WorkLoadOptions {
  readonly client: KubeClient;
  /** Of the cluster, on the hub. */
  readonly namespace: string;
  readonly random: Random;
  /** Begins the names of all works and of what they hold. */
  readonly prefix?: string;
  readonly writers?: number;
  readonly worksPerWriter?: number;
  /** Between two writes of one writer. */
  readonly pauseMs?: number;
}

/** What a work holds; undefined: the work is not there, or on its way out. */
export type Content = number | undefined;

interface Slot {
  readonly name: string;
  content: Content;
}

/** Refusals after which nothing was done, and that pass. */
const passing = [429, 503, 504, 507];

export class WorkLoad {
  readonly #options: Required<WorkLoadOptions>;
  readonly #slots: Slot[] = [];
  #running: Promise<void> | undefined;
  #isStopped = false;
  #last = 0;
  /** Writes that the hub has acknowledged. */
  acknowledged = 0;
  /** Answers that did not come. */
  lost = 0;

  constructor(options: WorkLoadOptions) {
    this.#options = { prefix: 'load', writers: 4, worksPerWriter: 4, pauseMs: 20, ...options };
  }

  start(): void {
    const { writers, worksPerWriter, prefix } = this.#options;
    this.#isStopped = false;
    const loops = Array.from({ length: writers }, (_, writer) => {
      const slots = Array.from({ length: worksPerWriter }, (_, i) => this.#slot(`${prefix}-${writer}-${i}`));
      return this.#write(slots);
    });
    this.#running = Promise.all(loops).then(() => undefined);
    this.#running.catch(() => undefined); // told by stop()
  }

  /** Ends after the writes that are on their way. @throws Error when an acknowledged write was lost. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** What the works hold, by name. Only when stopped. */
  contents(): ReadonlyMap<string, number> {
    const there = this.#slots.flatMap(({ name, content }) =>
      content === undefined ? [] : [[name, content] as const],
    );
    return new Map(there);
  }

  #slot(name: string): Slot {
    const known = this.#slots.find((slot) => slot.name === name);
    if (known !== undefined) return known;
    const slot: Slot = { name, content: undefined };
    this.#slots.push(slot);
    return slot;
  }

  async #write(slots: readonly Slot[]): Promise<void> {
    const { random, pauseMs } = this.#options;
    while (!this.#isStopped) {
      const slot = slots[Math.floor(random.next() * slots.length)];
      if (slot !== undefined) await this.#change(slot);
      await pause(pauseMs);
    }
  }

  async #change(slot: Slot): Promise<void> {
    const isDelete = slot.content !== undefined && this.#options.random.next() < 0.15;
    const wanted: Content = isDelete ? undefined : ++this.#last;
    try {
      await this.#send(slot, wanted);
      slot.content = wanted;
      this.acknowledged++;
    } catch (error) {
      if (error instanceof TransportError) {
        this.lost++;
        slot.content = await this.#find(slot, wanted);
        return;
      }
      // The work of that name is still on its way out.
      if (slot.content === undefined && hasReason(error, 'AlreadyExists')) return;
      if (error instanceof StatusError && passing.includes(error.code)) return;
      throw error;
    }
  }

  async #send({ name, content }: Slot, wanted: Content): Promise<void> {
    const { client, namespace } = this.#options;
    const key = { namespace, name };
    if (wanted === undefined) await client.delete(wellKnown.manifestWorks, key);
    else if (content === undefined) await client.create(wellKnown.manifestWorks, workOf(key, wanted));
    else {
      const { spec } = workOf(key, wanted);
      await client.patch(wellKnown.manifestWorks, key, { type: 'merge', body: { spec } });
    }
  }

  /** What the hub holds, as soon as it answers again. @throws Error when no write explains it. */
  async #find({ name, content }: Slot, wanted: Content): Promise<Content> {
    const found = await this.#read(name);
    if (found !== content && found !== wanted) {
      const said = `${name} holds ${found}; acknowledged was ${content}, on its way ${wanted}`;
      throw new Error(`an acknowledged write is lost: ${said}`);
    }
    return found;
  }

  async #read(name: string): Promise<Content> {
    const { client, namespace } = this.#options;
    for (;;) {
      try {
        const work = await client.get<ManifestWork>(wellKnown.manifestWorks, { namespace, name });
        return work.metadata.deletionTimestamp === undefined ? contentOf(work) : undefined;
      } catch (error) {
        if (hasReason(error, 'NotFound')) return undefined;
        const isPassing = error instanceof StatusError && passing.includes(error.code);
        if (!isPassing && !(error instanceof TransportError)) throw error;
        await pause(100);
      }
    }
  }
}

/** Names of the ConfigMaps that a work holds: edits add the second and take it away again. */
export function objectsOf(name: string, content: number): readonly string[] {
  return content % 3 === 0 ? [`${name}-a`] : [`${name}-a`, `${name}-b`];
}

function workOf(key: { readonly name: string; readonly namespace: string }, content: number) {
  const manifests = objectsOf(key.name, content).map((name) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data: { content: String(content) },
  }));
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: key,
    spec: { workload: { manifests } },
  };
}

/** @throws Error when its manifests are not of one write. */
export function contentOf(work: ManifestWork): number {
  const manifests = (work.spec?.workload?.manifests ?? []) as readonly { data?: { content?: string } }[]; // ours
  const contents = new Set(manifests.map(({ data }) => data?.content));
  const [content] = contents;
  const { name = '' } = work.metadata;
  if (contents.size !== 1 || content === undefined)
    throw new Error(`${name} is torn: ${JSON.stringify(work.spec)}`);
  if (manifests.length !== objectsOf(name, Number(content)).length)
    throw new Error(`${name} lost a manifest`);
  return Number(content);
}
