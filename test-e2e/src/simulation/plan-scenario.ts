/** Makes a scenario from a seed: the same seed gives the same scenario. Pure. */
import { createSeededRandom } from '@flotilla/kube/testing';
import { apiFaults } from './api-faults.js';
import { Dice } from './dice.js';
import { type Item, type Strategy, sharedNames, type WorkPlan } from './items.js';
import { type Action, clusterLink, type Drift, hubLink, type Scenario, type Step } from './scenario.js';
import { stories } from './stories.js';

/** One kind of action, and how often it is chosen. */
type Choice = readonly [weight: number, make: () => Action];

export function planScenario(seed: number): Scenario {
  return withStories(new Generator(seed).plan());
}

/** Chance for them is another stream: what else happens does not depend on which stories there are. */
function withStories({ seed, clusters, steps }: Scenario): Scenario {
  const random = createSeededRandom(seed + 2_000_000_000);
  const dice = new Dice(() => random.next());
  const all = [...steps];
  for (const story of dice.shuffled(stories).slice(0, dice.int(1, 3))) {
    const { name: cluster } = dice.pick(clusters);
    all.splice(dice.int(0, all.length), 0, ...story({ dice, cluster }));
  }
  return { seed, clusters, steps: all };
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

class Generator {
  readonly #seed: number;
  readonly #next: () => number;
  #clusters: { name: string; minor: number }[] = [];
  /** Every scenario has its own mixture, so that faults of one kind also come in crowds. */
  #mixture: readonly Choice[] = [];

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
    this.#mixture = this.#mix();
    const steps: Step[] = [];
    // Something is there before anything goes wrong.
    for (let i = this.#int(1, 3); i > 0; i--) steps.push({ ...this.#apply(), thenMs: this.#pause() });
    for (let i = this.#int(6, 20); i > 0; i--) steps.push({ ...this.#action(), thenMs: this.#pause() });
    return { seed: this.#seed, clusters, steps };
  }

  #mix(): Choice[] {
    const groups: readonly (readonly Choice[])[] = [
      this.#network(),
      this.#crashes(),
      this.#disks(),
      this.#servers(),
      this.#membership(),
    ];
    return [...this.#always(), ...groups.flatMap((group) => (this.#chance(0.6) ? group : []))];
  }

  #always(): Choice[] {
    return [
      [28, () => this.#apply()],
      [9, () => ({ do: 'remove', ...this.#work() })],
      [3, () => ({ do: 'undo', ...this.#work(), pick: this.#int(0, 9) })],
      [2, () => ({ ...this.#apply(), do: 'plan' })],
      [2, () => ({ do: 'label work', ...this.#work(), value: `v${this.#int(1, 9)}` })],
      [16, () => ({ do: 'drift', cluster: this.#cluster(), drift: this.#drift(), pick: this.#int(0, 999) })],
      [3, () => ({ do: 'upgrade', ...this.#upgrade() })],
      [1, () => ({ do: 'steal', cluster: this.#cluster(), pick: this.#int(0, 999) })],
      [1, () => ({ do: 'ask nonsense', cluster: this.#cluster(), pick: this.#int(0, 999) })],
      [1, () => ({ do: 'wait' })],
    ];
  }

  #network(): Choice[] {
    return [
      [
        9,
        () => ({
          do: 'cut',
          link: this.#link(),
          mode: this.#pick(['drop', 'drop', 'refuse', 'refuse', 'drop requests', 'drop answers']),
        }),
      ],
      [9, () => ({ do: 'heal', link: this.#link() })],
      [2, () => ({ do: 'reset', link: this.#link() })],
      [2, () => ({ do: 'stall', link: this.#link() })],
      [2, () => ({ do: 'delay', link: this.#link(), maxMs: this.#pick([5, 200, 3000]) })],
      [1, () => ({ do: 'narrow', link: this.#link(), bytesPerSecond: this.#pick([0, 2000, 20_000]) })],
      [2, () => ({ do: 'read slowly', link: this.#link(), pieceMs: this.#pick([0, 300, 4000]) })],
      [2, () => ({ do: 'noise', loss: this.#pick([0, 0.02, 0.1]) })],
    ];
  }

  #crashes(): Choice[] {
    return [
      [8, () => ({ do: 'crash hub', downMs: this.#downTime(), ...this.#after(12) })],
      [
        10,
        () => ({
          do: 'crash klusterlet',
          cluster: this.#cluster(),
          downMs: this.#downTime(),
          ...this.#after(40),
          ...(this.#chance(0.4) && { tears: true }),
        }),
      ],
      [
        4,
        () => ({
          do: 'crash cluster',
          cluster: this.#cluster(),
          downMs: this.#downTime(),
          ...this.#after(12),
        }),
      ],
      [3, () => ({ do: 'forget history', server: this.#server(), downMs: this.#downTime() })],
    ];
  }

  #disks(): Choice[] {
    return [
      [
        3,
        () => ({ do: 'disk', node: this.#node(), fault: this.#pick(['full', 'unreadable', 'none', 'none']) }),
      ],
      [
        2,
        () => ({
          do: 'skew',
          node: this.#node(),
          byMs: Math.round((this.#next() - 0.5) * this.#pick([2000, 8 * minuteMs])),
        }),
      ],
      [1, () => ({ do: 'sleep', forMs: this.#pick([5, 60, 600, 3000]) * minuteMs })],
      [0.5, () => ({ do: 'sleep', forMs: this.#pick([30, 200, 400]) * dayMs })],
    ];
  }

  #servers(): Choice[] {
    return [
      [
        6,
        () => ({
          do: 'trouble',
          server: this.#server(),
          fault: this.#pick(apiFaults),
          share: this.#pick([0.2, 0.6, 1]),
        }),
      ],
      [6, () => ({ do: 'trouble', server: this.#server(), fault: 'none', share: 0 })],
      [6, () => ({ do: 'ambush', cluster: this.#cluster(), drift: this.#drift() })],
    ];
  }

  #membership(): Choice[] {
    return [
      [1, () => ({ do: 'label cluster', cluster: this.#cluster(), value: `v${this.#int(1, 9)}` })],
      [1, () => ({ do: 'revoke', cluster: this.#cluster(), awayMs: this.#downTime() })],
      [
        1,
        () => ({
          do: 'leave',
          cluster: this.#cluster(),
          awayMs: this.#downTime(),
          ...(this.#chance(0.5) && { removes: true }),
        }),
      ],
      [1, () => ({ do: 'rebuild', cluster: this.#cluster(), downMs: this.#downTime() })],
      [2, () => ({ do: 'back up hub' })],
      [2, () => ({ do: 'restore hub', downMs: this.#downTime() })],
    ];
  }

  #action(): Action {
    const total = this.#mixture.reduce((sum, [weight]) => sum + weight, 0);
    let roll = this.#next() * total;
    for (const [weight, make] of this.#mixture) {
      roll -= weight;
      if (roll < 0) return make();
    }
    return { do: 'wait' };
  }

  #upgrade(): { cluster: string; minor: number } {
    const cluster = this.#pick(this.#clusters);
    cluster.minor = Math.min(35, cluster.minor + this.#int(1, 5));
    return { cluster: cluster.name, minor: cluster.minor };
  }

  #apply(): { do: 'apply'; plan: WorkPlan } {
    const { cluster, name } = this.#work();
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

  #work(): { cluster: string; name: string } {
    return {
      cluster: this.#cluster(),
      name: this.#pick(['alpha', 'beta', 'gamma', 'delta', 'orphaned']),
    };
  }

  #cluster(): string {
    return this.#pick(this.#clusters).name;
  }

  #server(): string {
    return this.#chance(0.5) ? 'hub' : this.#cluster();
  }

  #node(): string {
    return this.#chance(0.5) ? `klusterlet-${this.#cluster()}` : this.#server();
  }

  #drift(): Drift {
    return this.#pick<Drift>(['edit', 'edit', 'delete', 'disown', 'count', 'count', 'replace']);
  }

  #link(): string {
    const cluster = this.#cluster();
    return this.#chance(0.8) ? hubLink(cluster) : clusterLink(cluster);
  }

  /** From no time at all to days, short ones more often: races need milliseconds, backoffs need minutes. */
  #pause(): number {
    const roll = this.#next();
    if (roll < 0.35) return Math.round(this.#next() * 12);
    if (roll < 0.6) return Math.round(this.#next() * 300);
    if (roll < 0.9) return Math.round(this.#next() * 20_000);
    if (roll < 0.98) return Math.round(this.#next() * 200_000);
    if (roll < 0.999) return Math.round(this.#next() * 40 * minuteMs);
    return Math.round(this.#next() * dayMs);
  }

  #downTime(): number {
    return Math.round(this.#pick([5, 500, 5000, 60_000, 400_000]) * (0.5 + this.#next()));
  }

  /** Most crashes come in the middle of something. */
  #after(most: number): { after?: number } {
    return this.#chance(0.6) ? { after: this.#int(1, most) } : {};
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
