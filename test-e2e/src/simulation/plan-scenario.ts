/** Makes a scenario from a seed: the same seed gives the same scenario. Pure. */
import { type CutMode, createSeededRandom } from '@flotilla/kube/testing';
import { apiFaults } from './api-faults.js';
import { Dice } from './dice.js';
import type { WorkPlan } from './items.js';
import { orphanedWork, ownedWorks, planItems, plannedWork } from './plan-items.js';
import { rareDoing } from './rare-doings.js';
import {
  type Action,
  clusterLink,
  type Drift,
  hubLink,
  type Scenario,
  type Step,
  userLink,
} from './scenario.js';
import { stories } from './stories.js';

/** One kind of action, and how often it is chosen. */
type Choice = readonly [weight: number, make: () => Action];

export function planScenario(seed: number): Scenario {
  return withRareDoings(withStories(new Generator(seed).plan()));
}

/** Chance for them is another stream: what else happens does not depend on which stories there are. */
function withStories({ seed, clusters, steps }: Scenario): Scenario {
  const random = createSeededRandom(seed + 2_000_000_000);
  const dice = new Dice(() => random.next());
  const all = [...steps];
  for (const story of dice.shuffled(stories).slice(0, dice.int(1, 3))) {
    const { name: cluster } = dice.pick(clusters);
    const scene = { dice, cluster, clusters: clusters.map(({ name }) => name) };
    all.splice(dice.int(0, all.length), 0, ...story(scene));
  }
  return { seed, clusters, steps: all };
}

/** A third stream of chance: most scenarios are what they would be without these. */
function withRareDoings({ seed, clusters, steps }: Scenario): Scenario {
  const random = createSeededRandom(seed + 3_000_000_000);
  const dice = new Dice(() => random.next());
  const all = [...steps];
  for (let i = dice.chance(0.25) ? dice.int(1, 2) : 0; i > 0; i--) {
    const names = clusters.map(({ name }) => name);
    all.splice(dice.int(0, all.length), 0, ...rareDoing(dice, names));
  }
  return { seed, clusters, steps: all };
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

class Generator {
  readonly #seed: number;
  readonly #dice: Dice;
  #clusters: { name: string; minor: number }[] = [];
  /** Every scenario has its own mixture, so that faults of one kind also come in crowds. */
  #mixture: readonly Choice[] = [];

  constructor(seed: number) {
    this.#seed = seed;
    const random = createSeededRandom(seed);
    this.#dice = new Dice(() => random.next());
  }

  plan(): Scenario {
    const minors = [20, 24, 24, 32];
    const count = this.#dice.pick([1, 1, 1, 1, 1, 1, 2, 2, 2, 3]);
    this.#clusters = Array.from({ length: count }, (_, i) => ({
      name: `c${i + 1}`,
      minor: this.#dice.pick(minors),
    }));
    const clusters = this.#clusters.map((cluster) => ({ ...cluster }));
    this.#mixture = this.#mix();
    const steps: Step[] = [];
    // Something is there before anything goes wrong.
    for (let i = this.#dice.int(1, 3); i > 0; i--) steps.push({ ...this.#apply(), thenMs: this.#pause() });
    for (let i = this.#dice.int(6, 20); i > 0; i--) steps.push({ ...this.#action(), thenMs: this.#pause() });
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
    return [...this.#always(), ...groups.flatMap((group) => (this.#dice.chance(0.6) ? group : []))];
  }

  #always(): Choice[] {
    return [
      [28, () => this.#apply()],
      [9, () => ({ do: 'remove', ...this.#work() })],
      [3, () => ({ do: 'undo', ...this.#work(), pick: this.#dice.int(0, 9) })],
      [2, () => ({ ...this.#apply(), do: 'plan' })],
      [1.5, () => ({ ...this.#apply(plannedWork), do: 'apply as plan' })],
      [0.5, () => ({ do: 'remove', cluster: this.#cluster(), name: plannedWork })],
      [2, () => ({ do: 'label work', ...this.#work(), value: `v${this.#dice.int(1, 9)}` })],
      [
        16,
        () => ({ do: 'drift', cluster: this.#cluster(), drift: this.#drift(), pick: this.#dice.int(0, 999) }),
      ],
      [3, () => ({ do: 'upgrade', ...this.#upgrade() })],
      [1, () => ({ do: 'steal', cluster: this.#cluster(), pick: this.#dice.int(0, 999) })],
      [1, () => ({ do: 'ask nonsense', cluster: this.#cluster(), pick: this.#dice.int(0, 999) })],
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
          mode: this.#cutMode(),
        }),
      ],
      [9, () => ({ do: 'heal', link: this.#link() })],
      [3, () => ({ do: 'partition', links: this.#links(), mode: this.#cutMode() })],
      [4, () => ({ do: 'reunite' })],
      [2, () => ({ do: 'reset', link: this.#link() })],
      [2, () => ({ do: 'stall', link: this.#link() })],
      [2, () => ({ do: 'delay', link: this.#link(), maxMs: this.#dice.pick([5, 200, 3000]) })],
      [1, () => ({ do: 'narrow', link: this.#link(), bytesPerSecond: this.#dice.pick([0, 2000, 20_000]) })],
      [2, () => ({ do: 'read slowly', link: this.#link(), pieceMs: this.#dice.pick([0, 300, 4000]) })],
      [2, () => ({ do: 'noise', loss: this.#dice.pick([0, 0.02, 0.1]) })],
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
          ...(this.#dice.chance(0.4) && { tears: true }),
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
        () => ({
          do: 'disk',
          node: this.#node(),
          fault: this.#dice.pick(['full', 'unreadable', 'none', 'none']),
        }),
      ],
      [
        2,
        () => ({
          do: 'skew',
          node: this.#node(),
          byMs: Math.round((this.#dice.next() - 0.5) * this.#dice.pick([2000, 8 * minuteMs])),
        }),
      ],
      [2, () => ({ do: 'jump', ...this.#jump() })],
      [1, () => ({ do: 'sleep', forMs: this.#dice.pick([5, 60, 600, 3000]) * minuteMs })],
      [0.5, () => ({ do: 'sleep', forMs: this.#dice.pick([30, 200, 400]) * dayMs })],
    ];
  }

  #servers(): Choice[] {
    return [
      [
        6,
        () => ({
          do: 'trouble',
          server: this.#server(),
          fault: this.#dice.pick(apiFaults),
          share: this.#dice.pick([0.2, 0.6, 1]),
        }),
      ],
      [6, () => ({ do: 'trouble', server: this.#server(), fault: 'none', share: 0 })],
      [6, () => ({ do: 'ambush', cluster: this.#cluster(), drift: this.#drift() })],
    ];
  }

  #membership(): Choice[] {
    return [
      [1, () => ({ do: 'label cluster', cluster: this.#cluster(), value: `v${this.#dice.int(1, 9)}` })],
      [1, () => ({ do: 'revoke', cluster: this.#cluster(), awayMs: this.#downTime() })],
      [1, () => ({ do: 'deny', cluster: this.#cluster(), awayMs: this.#downTime() })],
      [
        1,
        () => ({
          do: 'leave',
          cluster: this.#cluster(),
          awayMs: this.#downTime(),
          ...(this.#dice.chance(0.5) && { removes: true }),
        }),
      ],
      [1, () => ({ do: 'rebuild', cluster: this.#cluster(), downMs: this.#downTime() })],
      [2, () => ({ do: 'back up hub' })],
      [2, () => ({ do: 'restore hub', downMs: this.#downTime() })],
    ];
  }

  #action(): Action {
    const total = this.#mixture.reduce((sum, [weight]) => sum + weight, 0);
    let roll = this.#dice.next() * total;
    for (const [weight, make] of this.#mixture) {
      roll -= weight;
      if (roll < 0) return make();
    }
    return { do: 'wait' };
  }

  #upgrade(): { cluster: string; minor: number } {
    const cluster = this.#dice.pick(this.#clusters);
    cluster.minor = Math.min(35, cluster.minor + this.#dice.int(1, 5));
    return { cluster: cluster.name, minor: cluster.minor };
  }

  #apply(only?: string): { do: 'apply'; plan: WorkPlan } {
    const { cluster, name } = only === undefined ? this.#work() : { cluster: this.#cluster(), name: only };
    const items = planItems(this.#dice, name);
    return { do: 'apply', plan: { cluster, name, orphan: name === orphanedWork, items } };
  }

  #work(): { cluster: string; name: string } {
    return {
      cluster: this.#cluster(),
      name: this.#dice.pick([...ownedWorks, orphanedWork]),
    };
  }

  #cluster(): string {
    return this.#dice.pick(this.#clusters).name;
  }

  #server(): string {
    return this.#dice.chance(0.5) ? 'hub' : this.#cluster();
  }

  #node(): string {
    return this.#dice.chance(0.5) ? `klusterlet-${this.#cluster()}` : this.#server();
  }

  #drift(): Drift {
    return this.#dice.pick<Drift>([
      'edit',
      'change field',
      'drop field',
      'add field',
      'delete',
      'disown',
      'count',
      'count',
      'replace',
    ]);
  }

  #cutMode(): CutMode {
    return this.#dice.pick<CutMode>(['drop', 'drop', 'refuse', 'refuse', 'drop requests', 'drop answers']);
  }

  /** Any of all there are. */
  #links(): string[] {
    const all = [userLink, ...this.#clusters.flatMap(({ name }) => [hubLink(name), clusterLink(name)])];
    const share = this.#dice.pick([0.4, 0.7, 1]);
    const some = all.filter(() => this.#dice.chance(share));
    return some.length > 0 ? some : all;
  }

  /** Ahead or back, by seconds to hours. */
  #jump(): { node: string; byMs: number } {
    const byMs = this.#dice.pick([5000, 2 * minuteMs, 40 * minuteMs, 5 * 60 * minuteMs]);
    const sign = this.#dice.chance(0.5) ? 1 : -1;
    return { node: this.#node(), byMs: sign * Math.round(byMs * (0.5 + this.#dice.next())) };
  }

  #link(): string {
    const cluster = this.#cluster();
    return this.#dice.chance(0.8) ? hubLink(cluster) : clusterLink(cluster);
  }

  /** From no time at all to days, short ones more often: races need milliseconds, backoffs need minutes. */
  #pause(): number {
    const roll = this.#dice.next();
    if (roll < 0.35) return Math.round(this.#dice.next() * 12);
    if (roll < 0.6) return Math.round(this.#dice.next() * 300);
    if (roll < 0.9) return Math.round(this.#dice.next() * 20_000);
    if (roll < 0.98) return Math.round(this.#dice.next() * 200_000);
    if (roll < 0.999) return Math.round(this.#dice.next() * 40 * minuteMs);
    // A fleet at rest costs what its clusters do: a day of three, in trouble, is minutes of a busy machine.
    return Math.round((this.#dice.next() * dayMs) / this.#clusters.length);
  }

  #downTime(): number {
    return Math.round(this.#dice.pick([5, 500, 5000, 60_000, 400_000]) * (0.5 + this.#dice.next()));
  }

  /** Most crashes come in the middle of something. */
  #after(most: number): { after?: number } {
    return this.#dice.chance(0.6) ? { after: this.#dice.int(1, most) } : {};
  }
}
