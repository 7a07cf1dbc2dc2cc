/**
 * Everything that anybody has ever asked of works, by the token that each edition of a spec carries in its objects.
 * Whether the hub took it is another question: `work-model.ts`. Pure.
 */
import { itemKey, type Strategy, type WorkPlan } from '../items.js';

/** A spec: `toWork` of `items.ts` makes the same one from it each time. */
export interface Edition {
  readonly token: string;
  readonly plan: WorkPlan;
  /** Its work is annotated as a plan: it is only to be told what it would do. */
  readonly isPlan?: boolean;
}

const done = new WeakMap<Edition, Edition>();

/** The same one, once it is to be applied. */
export function carriedOut(edition: Edition): Edition {
  if (edition.isPlan !== true) return edition;
  const known = done.get(edition) ?? { token: edition.token, plan: edition.plan };
  done.set(edition, known);
  return known;
}

/** Whether objects are held to what such manifests say. */
export function isWriter(strategy: Strategy): boolean {
  return strategy === 'Update' || strategy === 'ServerSideApply';
}

export class Editions {
  readonly #byToken = new Map<string, Edition>();
  /** Strategies that a work has asked for, by work and key. */
  readonly #strategies = new Map<string, Set<Strategy>>();
  /** Tokens of plans that somebody has asked to carry out. */
  readonly #carriedOut = new Set<string>();
  /** Keys that a work of the cluster has claimed, and whether it was to be orphaned. */
  readonly #claimed = new Map<string, Map<string, boolean>>();

  add(edition: Edition): Edition {
    const { plan, token } = edition;
    this.#byToken.set(token, edition);
    const claimed = this.#claimed.get(plan.cluster) ?? new Map<string, boolean>();
    this.#claimed.set(plan.cluster, claimed);
    for (const item of plan.items) {
      const key = itemKey(item);
      const id = `${plan.cluster}/${plan.name} ${key}`;
      this.#strategies.set(id, (this.#strategies.get(id) ?? new Set()).add(item.strategy));
      if (item.strategy !== 'ReadOnly') claimed.set(key, (claimed.get(key) ?? false) || plan.orphan);
    }
    return edition;
  }

  of(token: string | undefined): Edition | undefined {
    return token === undefined ? undefined : this.#byToken.get(token);
  }

  /** Somebody asks for what the plans of this work say. */
  carryOut({ cluster, name }: Pick<WorkPlan, 'cluster' | 'name'>): void {
    for (const { token, plan, isPlan } of this.#byToken.values()) {
      if (isPlan === true && plan.cluster === cluster && plan.name === name) this.#carriedOut.add(token);
    }
  }

  /** Whether anything with this token may be in a cluster: what is a plan may not, before it is carried out. */
  mayBeDone(token: string): boolean {
    return this.#byToken.get(token)?.isPlan !== true || this.#carriedOut.has(token);
  }

  /** Whether the edition may change an object that is there; of a token that is no edition's nothing is known. */
  mayWrite(token: string, key: string): boolean {
    const item = this.#byToken.get(token)?.plan.items.find((each) => itemKey(each) === key);
    return item === undefined || isWriter(item.strategy);
  }

  /** Whether a work has always asked for one strategy for the object. */
  isOfOneMind({ cluster, name }: Pick<WorkPlan, 'cluster' | 'name'>, key: string): boolean {
    return this.#strategies.get(`${cluster}/${name} ${key}`)?.size === 1;
  }

  /** Keys that works of the cluster have ever claimed; true: some work left it to nobody on purpose. */
  claimedIn(cluster: string): ReadonlyMap<string, boolean> {
    return this.#claimed.get(cluster) ?? new Map();
  }
}
