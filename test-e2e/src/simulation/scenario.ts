/**
 * What happens in one simulation, as plain data made from a seed: the same seed gives the same scenario, and a
 * scenario can be printed, cut down and run again. Pure.
 */
import { createSeededRandom } from '@flotilla/kube/testing';
import { type Item, type Strategy, sharedNames, type WorkPlan } from './items.js';

export type Drift = 'edit' | 'delete' | 'disown' | 'count' | 'replace';

export type Action =
  | { readonly do: 'apply'; readonly plan: WorkPlan }
  | { readonly do: 'remove'; readonly cluster: string; readonly name: string }
  | { readonly do: 'cut'; readonly link: string; readonly mode: 'drop' | 'refuse' }
  | { readonly do: 'heal'; readonly link: string }
  | { readonly do: 'crash hub'; readonly downMs: number }
  | { readonly do: 'crash klusterlet'; readonly cluster: string; readonly downMs: number }
  | { readonly do: 'crash cluster'; readonly cluster: string; readonly downMs: number }
  | { readonly do: 'upgrade'; readonly cluster: string; readonly minor: number }
  | { readonly do: 'drift'; readonly cluster: string; readonly drift: Drift; readonly pick: number }
  | { readonly do: 'noise'; readonly loss: number }
  | { readonly do: 'wait' };

/** The action, and how much time passes before the next one. */
export type Step = Action & { readonly thenMs: number };

export interface Scenario {
  readonly seed: number;
  readonly clusters: readonly { readonly name: string; readonly minor: number }[];
  readonly steps: readonly Step[];
}

/** Objects that the world plants in each cluster, for works to name. */
export const foreignNames = ['foreign-read', 'foreign-kept', 'foreign-alone'] as const;

export const hubLink = (cluster: string): string => `hub-${cluster}`;
export const clusterLink = (cluster: string): string => `cluster-${cluster}`;

export function planScenario(seed: number): Scenario {
  return new Generator(seed).plan();
}

class Generator {
  readonly #seed: number;
  readonly #next: () => number;
  #clusters: { name: string; minor: number }[] = [];

  constructor(seed: number) {
    this.#seed = seed;
    const random = createSeededRandom(seed);
    this.#next = () => random.next();
  }

  plan(): Scenario {
    const minors = [20, 24, 24, 32];
    const count = this.#chance(0.4) ? 2 : 1;
    this.#clusters = Array.from({ length: count }, (_, i) => ({
      name: `c${i + 1}`,
      minor: this.#pick(minors),
    }));
    const clusters = this.#clusters.map((cluster) => ({ ...cluster }));
    const steps: Step[] = [];
    // Something is there before anything goes wrong.
    for (let i = this.#int(1, 3); i > 0; i--) steps.push({ ...this.#apply(), thenMs: this.#pause() });
    for (let i = this.#int(8, 28); i > 0; i--) steps.push({ ...this.#action(), thenMs: this.#pause() });
    return { seed: this.#seed, clusters, steps };
  }

  #action(): Action {
    const cluster = this.#pick(this.#clusters);
    const { name } = cluster;
    const roll = this.#next() * 100;
    if (roll < 28) return this.#apply();
    if (roll < 38) return { do: 'remove', cluster: name, name: this.#workName() };
    if (roll < 58) return { do: 'drift', cluster: name, drift: this.#drift(), pick: this.#int(0, 999) };
    if (roll < 66) return { do: 'cut', link: this.#link(name), mode: this.#chance(0.5) ? 'drop' : 'refuse' };
    if (roll < 74) return { do: 'heal', link: this.#link(name) };
    if (roll < 82) return { do: 'crash hub', downMs: this.#downTime() };
    if (roll < 89) return { do: 'crash klusterlet', cluster: name, downMs: this.#downTime() };
    if (roll < 93) return { do: 'crash cluster', cluster: name, downMs: this.#downTime() };
    if (roll < 96) return this.#upgrade(cluster);
    if (roll < 98) return { do: 'noise', loss: this.#pick([0, 0.02, 0.1]) };
    return { do: 'wait' };
  }

  #upgrade(cluster: { name: string; minor: number }): Action {
    cluster.minor = Math.min(35, cluster.minor + this.#int(1, 5));
    return { do: 'upgrade', cluster: cluster.name, minor: cluster.minor };
  }

  #apply(): Action {
    const cluster = this.#pick(this.#clusters).name;
    const name = this.#workName();
    const orphan = name === 'orphaned';
    const items = new Map<string, Item>();
    for (let i = this.#int(1, 5); i > 0; i--) {
      for (const item of orphan ? [this.#orphanItem()] : this.#items(name)) {
        items.set(`${item.kind} ${item.namespace} ${item.name}`, item);
      }
    }
    return { do: 'apply', plan: { cluster, name, orphan, items: [...items.values()] } };
  }

  #items(work: string): Item[] {
    const strategy = this.#pick<Strategy>(['Update', 'Update', 'Update', 'ServerSideApply', 'CreateOnly']);
    const roll = this.#next() * 100;
    const own = `${work}-${this.#pick(['x', 'y', 'z'])}`;
    if (roll < 40) return [{ kind: 'configmap', name: own, strategy }];
    if (roll < 50) return [{ kind: 'secret', name: own, strategy }];
    if (roll < 65) {
      return [{ kind: 'configmap', name: this.#pick(sharedNames), strategy: 'Update' }];
    }
    if (roll < 75) {
      const namespace = `${work}-space`;
      return [
        { kind: 'namespace', name: namespace, strategy: 'Update' },
        { kind: 'configmap', name: 'inner', namespace, strategy },
      ];
    }
    if (roll < 82) return [{ kind: 'cronjob', name: own, strategy: 'Update' }];
    if (roll < 87) return [{ kind: 'deployment', name: own, strategy }];
    if (roll < 93) {
      const name = `gadget-${work}`;
      return [
        { kind: 'definition', name, strategy: 'Update' },
        { kind: 'gadget', name, strategy },
      ];
    }
    return [{ kind: 'configmap', name: 'foreign-read', strategy: 'ReadOnly' }];
  }

  #orphanItem(): Item {
    if (this.#chance(0.4)) return { kind: 'configmap', name: 'foreign-kept', strategy: 'CreateOnly' };
    const name = `orphaned-${this.#pick(['x', 'y'])}`;
    return { kind: 'configmap', name, strategy: this.#pick<Strategy>(['Update', 'CreateOnly']) };
  }

  #workName(): string {
    return this.#pick(['alpha', 'beta', 'gamma', 'delta', 'orphaned']);
  }

  #drift(): Drift {
    return this.#pick<Drift>(['edit', 'edit', 'delete', 'disown', 'count', 'count', 'replace']);
  }

  #link(cluster: string): string {
    return this.#chance(0.8) ? hubLink(cluster) : clusterLink(cluster);
  }

  /** From no time at all to a few minutes, short ones more often: races need milliseconds, backoffs need minutes. */
  #pause(): number {
    const roll = this.#next();
    if (roll < 0.35) return Math.round(this.#next() * 12);
    if (roll < 0.6) return Math.round(this.#next() * 300);
    if (roll < 0.9) return Math.round(this.#next() * 20_000);
    if (roll < 0.98) return Math.round(this.#next() * 200_000);
    return Math.round(this.#next() * 2_400_000);
  }

  #downTime(): number {
    return Math.round(this.#pick([5, 500, 5000, 60_000, 400_000]) * (0.5 + this.#next()));
  }

  #int(min: number, max: number): number {
    return min + Math.floor(this.#next() * (max - min + 1));
  }

  #chance(probability: number): boolean {
    return this.#next() < probability;
  }

  #pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.#next() * values.length)] as T; // values is never empty
  }
}
