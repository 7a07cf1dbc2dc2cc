/**
 * All that the hub's store has ever shown of one work: what each generation asked for, when it asked, and what the
 * status has claimed. Judges P4 with each new state. Made and fed by the observer.
 */
import { findCondition, isPlan, type KubeObject, type ManifestWork } from '@flotilla/api';
import type { ClusterView } from './cluster-view.js';
import { tokenOf } from './items.js';

interface Demand {
  readonly fromMs: number;
  /** Store keys of the named objects; undefined: the work is being deleted or gone. */
  readonly keys: ReadonlySet<string> | undefined;
  /** The hub has lost the work: until then its objects wait for it. */
  readonly untilMs?: number;
}

interface Wanted {
  readonly key: string;
  readonly token: string | undefined;
  readonly strategy: string;
}

/** A work that a restored hub does not have is missed for an hour; clocks are off by up to four minutes either way. */
const missedMs = 50 * 60_000;
/** What a klusterlet has sent before its end may still arrive. */
const lastWordsMs = 1000;

export class WorkHistory {
  readonly id: string;
  #uid: string | undefined;
  readonly #demands: Demand[] = [];
  readonly #specs = new Map<number, readonly Wanted[]>();
  /** Tokens of all specs, in the order in which the hub had them. */
  readonly #order: string[] = [];
  readonly #askedMs = new Map<string, number>();
  /** Editions that went with a state that a restored hub does not have, and have not come again since. */
  readonly #lost = new Set<string>();
  #claimed = 0;
  #movedAtMs = Number.NEGATIVE_INFINITY;
  readonly #counts = new Map<string, number>();

  constructor(id: string) {
    this.id = id;
  }

  /** The hub was restored: its counts begin again at an older place. */
  restart(): void {
    this.#order.length = 0;
    this.#specs.clear();
    this.#counts.clear();
    this.#claimed = 0;
  }

  /** Its cluster was made anew: what was claimed of the former one stands, and says nothing of this one. */
  moved(nowMs: number): void {
    this.#counts.clear();
    this.#movedAtMs = nowMs;
  }

  gone(nowMs: number): void {
    this.#demands.push({ fromMs: nowMs, keys: undefined });
  }

  /** The hub was restored to a state without the work: nobody has asked for the end of its objects. */
  lost(nowMs: number): void {
    for (const token of this.#askedMs.keys()) this.#lost.add(token);
    if (this.#demands.at(-1)?.untilMs !== undefined) return; // it has been missed since it was lost first
    this.#demands.push({ fromMs: nowMs, keys: this.#demands.at(-1)?.keys, untilMs: nowMs + missedMs });
  }

  /** Objects of such an edition wait for their end, or for the next one, as they are. */
  isLost(token: string): boolean {
    return this.#lost.has(token);
  }

  /** When the hub first asked for the edition. */
  askedAtMs(token: string): number | undefined {
    return this.#askedMs.get(token);
  }

  /** Whether the hub asked for `now` only before it first asked for `before`; false for what it never asked for. */
  isOlder(now: string, before: string): boolean {
    const last = this.#order.lastIndexOf(now);
    const first = this.#order.indexOf(before);
    return last >= 0 && first >= 0 && last < first;
  }

  /** Whether the work has named the object without a gap all the time. */
  namedThroughout(
    key: string,
    { fromMs: sinceMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  ): boolean {
    const from = this.#demands.findLastIndex(({ fromMs }) => fromMs <= sinceMs);
    if (from < 0) return false;
    return this.#demands.slice(from).every(({ keys, untilMs = Number.POSITIVE_INFINITY }, i) => {
      const endMs = this.#demands[from + i + 1]?.fromMs ?? toMs;
      return keys?.has(key) === true && endMs < untilMs;
    });
  }

  /** Takes in a state; returns what is wrong with it. */
  see(work: ManifestWork, { nowMs, view }: { nowMs: number; view: ClusterView }): string[] {
    const { uid, generation = 0, deletionTimestamp } = work.metadata;
    if (uid !== this.#uid) {
      this.#uid = uid;
      this.#specs.clear();
      this.#counts.clear();
      this.#claimed = 0;
    }
    if (!this.#specs.has(generation)) {
      const wanted = wantedOf(work);
      this.#specs.set(generation, wanted);
      const token = wanted[0]?.token;
      if (token !== undefined) this.#order.push(token);
      if (token !== undefined) this.#lost.delete(token);
      if (token !== undefined && !this.#askedMs.has(token)) this.#askedMs.set(token, nowMs);
    }
    const keys =
      deletionTimestamp === undefined
        ? new Set((this.#specs.get(generation) ?? []).map(({ key }) => key))
        : undefined;
    // A plan asks for nothing, nor takes back what a work was asked for that a restored hub has lost.
    if (!isPlan(work) || deletionTimestamp !== undefined) this.#demands.push({ fromMs: nowMs, keys });
    const wasMoved = nowMs - this.#movedAtMs < lastWordsMs;
    return [...this.#judgeClaim(work, wasMoved ? undefined : view), ...this.#judgeFeedback(work)];
  }

  #judgeClaim(work: ManifestWork, view: ClusterView | undefined): string[] {
    const { generation = 0 } = work.metadata;
    const wrong: string[] = [];
    const isCalledGoing = findCondition(work.status?.conditions, 'Deleting')?.status === 'True';
    if (isCalledGoing && work.metadata.deletionTimestamp === undefined) {
      wrong.push('the status says that it is being deleted, which nobody has asked for');
    }
    for (const type of ['Applied', 'Available']) {
      const condition = findCondition(work.status?.conditions, type);
      const claimed = condition?.observedGeneration ?? 0;
      if (claimed > generation) wrong.push(`${type} claims generation ${claimed} of ${generation}`);
    }
    const applied = findCondition(work.status?.conditions, 'Applied');
    const claimed = applied?.observedGeneration ?? 0;
    if (claimed < this.#claimed) {
      wrong.push(`the status went back from generation ${this.#claimed} to ${claimed}`);
    }
    const isNew = claimed > this.#claimed;
    this.#claimed = Math.max(this.#claimed, claimed);
    if (!isNew || applied?.status !== 'True' || view === undefined) return wrong;
    for (const { key, token, strategy } of this.#specs.get(claimed) ?? []) {
      if (strategy === 'ReadOnly') continue;
      const isThere =
        strategy === 'CreateOnly' ? view.keys.has(key) : view.tokens.get(key)?.has(token ?? '') === true;
      if (!isThere) wrong.push(`generation ${claimed} is called applied, but ${key} never had ${token}`);
    }
    return wrong;
  }

  /** The count in an object only grows: a smaller one is an older truth. */
  #judgeFeedback(work: ManifestWork): string[] {
    const wrong: string[] = [];
    for (const { resourceMeta, statusFeedback } of work.status?.resourceStatus?.manifests ?? []) {
      const value = statusFeedback?.values?.find(({ name }) => name === 'count')?.fieldValue.string;
      if (value === undefined) continue;
      const id = `${resourceMeta.resource}/${resourceMeta.namespace}/${resourceMeta.name}`;
      const before = this.#counts.get(id) ?? 0;
      if (Number(value) < before) wrong.push(`the feedback of ${id} went back from ${before} to ${value}`);
      this.#counts.set(id, Math.max(before, Number(value)));
    }
    return wrong;
  }
}

function wantedOf(work: ManifestWork): Wanted[] {
  const configs = work.spec?.manifestConfigs ?? [];
  const wanted = new Map<string, Wanted>();
  for (const manifest of work.spec?.workload?.manifests ?? []) {
    const object = manifest as unknown as KubeObject; // what items.ts made
    const { name = '', namespace = '' } = object.metadata;
    const config = configs.find(
      ({ resourceIdentifier: id }) =>
        id.name === name && (id.namespace ?? '') === namespace && id.resource === pluralOf(object),
    );
    const group = object.apiVersion.includes('/') ? (object.apiVersion.split('/')[0] ?? '') : 'core';
    const key = `/registry/${group}/${pluralOf(object)}/${namespace === '' ? '' : `${namespace}/`}${name}`;
    wanted.set(key, {
      key,
      token: tokenOf(object),
      strategy: config?.updateStrategy?.type ?? 'Update',
    });
  }
  return [...wanted.values()];
}

function pluralOf({ kind, metadata }: KubeObject): string {
  return kind.startsWith('Gadget') ? `${metadata.name}s` : `${kind.toLowerCase()}s`;
}
