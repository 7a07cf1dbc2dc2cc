/**
 * What the hub must say of all works and of the labels of its clusters, from what people asked of it and were answered;
 * also after it was restored from a back-up, from when on it must say what it said then. Pure; fed by the user and the
 * operator of a simulation.
 */
import type { Edition } from './editions.js';
import { type Change, type SeenWork, type State, WorkModel, type WorkSnapshot } from './work-model.js';

/** A request that is under way. */
export interface Request {
  readonly work: string;
  readonly change: Change;
}

/** The label of a cluster. */
interface Label {
  readonly acknowledged: string | undefined;
  /** Of requests that are under way, or that nobody knows the end of. */
  readonly open: readonly string[];
}

export interface HubSnapshot {
  readonly works: ReadonlyMap<string, WorkSnapshot>;
  readonly labels: ReadonlyMap<string, Label>;
}

const unlabelled: Label = Object.freeze({ acknowledged: undefined, open: [] });

export class HubModel {
  /** By `<cluster>/<name>`. */
  readonly #works = new Map<string, WorkModel>();
  #labels = new Map<string, Label>();
  #restores = 0;
  /** Clusters of which all works are being removed. */
  readonly #cleared = new Set<string>();

  /** `work`: `<cluster>/<name>`. */
  begin(work: string, change: Change): Request {
    this.#work(work).begin(change);
    return { work, change };
  }

  answered({ work, change }: Request, seen?: SeenWork): string | undefined {
    return told(work, this.#work(work).answered(change, seen));
  }

  refused({ work, change }: Request): void {
    this.#work(work).refused(change);
  }

  lost({ work, change }: Request): void {
    this.#work(work).lost(change);
  }

  /** All works that the hub shows at one moment. Returns what is wrong with them. */
  look(seen: ReadonlyMap<string, SeenWork>): string[] {
    const wrong: string[] = [];
    for (const [id, work] of this.#works) wrong.push(...list(told(id, work.look(seen.get(id)))));
    for (const id of seen.keys()) {
      if (!this.#works.has(id)) wrong.push(`work ${id}: nobody has asked for it`);
    }
    return wrong;
  }

  /** The spec of a former generation; undefined when nobody was told of it. */
  generation(work: string, at: { readonly uid: string; readonly generation: number }): Edition | undefined {
    return this.#work(work).generation(at.uid, at.generation);
  }

  /** Works that were ever asked for in the cluster, by their name; undefined while it is not certain what is of one. */
  worksOf(cluster: string): ReadonlyMap<string, State | undefined> {
    const prefix = `${cluster}/`;
    return new Map(
      [...this.#works].flatMap(([id, work]) =>
        id.startsWith(prefix) ? [[id.slice(prefix.length), work.state]] : [],
      ),
    );
  }

  /** Somebody asks for a label of a cluster; the function that is returned says that the hub has acknowledged it. */
  labelCluster(cluster: string, value: string): () => void {
    const restores = this.#restores;
    const label = this.#labels.get(cluster) ?? unlabelled;
    this.#labels.set(cluster, { ...label, open: [...label.open, value] });
    return () => {
      if (restores === this.#restores) this.#labels.set(cluster, { acknowledged: value, open: [] });
    };
  }

  /** All works of the cluster are being removed, by whoever removes their cluster or their namespace; until it is told otherwise. */
  clear(cluster: string, isOn: boolean): void {
    if (isOn) this.#cleared.add(cluster);
    else this.#cleared.delete(cluster);
    for (const [id, work] of this.#works) if (id.startsWith(`${cluster}/`)) work.isBeingCleared = isOn;
  }

  /** The cluster is another one now, which nobody has labelled; whoever just tries to may mean the one or the other. */
  forgetLabel(cluster: string): void {
    this.#restores++;
    this.#labels.set(cluster, { ...unlabelled, open: this.#labels.get(cluster)?.open ?? [] });
  }

  /** Whether the cluster may have this label on the hub. */
  mayBeLabelled(cluster: string, value: string | undefined): boolean {
    const { acknowledged, open } = this.#labels.get(cluster) ?? unlabelled;
    return value === acknowledged || open.some((each) => each === value);
  }

  /** Faults are long over: what was lost will not come any more. */
  settle(): void {
    for (const work of this.#works.values()) work.settle();
  }

  snapshot(): HubSnapshot {
    return {
      works: new Map([...this.#works].map(([id, work]) => [id, work.snapshot()])),
      labels: new Map(this.#labels),
    };
  }

  restore({ works, labels }: HubSnapshot): void {
    for (const [id, work] of this.#works) work.restore(works.get(id));
    this.#restores++;
    const before = this.#labels;
    this.#labels = new Map(labels);
    // One that is under way may reach the one or the other hub.
    for (const [cluster, { open }] of before) {
      const label = labels.get(cluster) ?? unlabelled;
      this.#labels.set(cluster, { ...label, open: [...label.open, ...open] });
    }
  }

  #work(id: string): WorkModel {
    const known = this.#works.get(id);
    if (known !== undefined) return known;
    const work = new WorkModel();
    if (this.#cleared.has(id.slice(0, id.indexOf('/')))) work.isBeingCleared = true;
    this.#works.set(id, work);
    return work;
  }
}

function told(work: string, wrong: string | undefined): string | undefined {
  return wrong && `work ${work}: ${wrong}`;
}

function list(text: string | undefined): string[] {
  return text === undefined ? [] : [text];
}
