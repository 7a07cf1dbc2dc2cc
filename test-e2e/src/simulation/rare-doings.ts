/**
 * What people do seldom, and to a whole cluster or a plan: a cluster is removed from its hub, somebody deletes its
 * namespace there, a plan is carried out; most seldom, as it takes long, a hub is away for a day and more. Pure; put by
 * `plan-scenario.ts` into some scenarios.
 */
import type { Dice } from './dice.js';
import { planItems, plannedWork } from './plan-items.js';
import { hubLink, type Step } from './scenario.js';
import { after, minuteMs } from './scene.js';

/** `share`: of the time of a fleet that costs what one cluster does. */
type Doing = (dice: Dice, cluster: string, share: number) => readonly Step[];

const pauses = [5, 50, 500, 5000, 30_000, 200_000] as const;

const removeCluster: Doing = (dice, cluster) => [
  after(dice.pick(pauses), { do: 'remove cluster', cluster, awayMs: dice.pick(pauses) }),
];

const wipeNamespace: Doing = (dice, cluster) => [after(dice.pick(pauses), { do: 'wipe namespace', cluster })];

/** By taking the annotation away, or by another edition without it. */
const carryOut: Doing = (dice, cluster) => {
  const plan = { cluster, name: plannedWork, orphan: false, items: planItems(dice, plannedWork) };
  const next = { ...plan, items: planItems(dice, plannedWork) };
  return [
    after(dice.pick(pauses), { do: 'apply as plan', plan }),
    after(
      dice.pick(pauses),
      dice.chance(0.6) ? { do: 'carry out', cluster, name: plannedWork } : { do: 'apply', plan: next },
    ),
    ...(dice.chance(0.5) ? [after(dice.pick(pauses), { do: 'apply', plan: next } as const)] : []),
  ];
};

const awayForDays: Doing = (dice, cluster, share) => {
  const mode = dice.pick(['refuse', 'drop'] as const);
  const part = (): number => Math.round(dice.int(7, 11) * 60 * minuteMs * share);
  return [
    after(part(), { do: 'cut', link: hubLink(cluster), mode }),
    after(part(), { do: 'drift', cluster, drift: dice.pick(['delete', 'edit']), pick: dice.int(0, 999) }),
    after(part(), { do: 'crash klusterlet', cluster, downMs: 5000 }),
    after(minuteMs, { do: 'heal', link: hubLink(cluster) }),
  ];
};

const doings: readonly Doing[] = [removeCluster, wipeNamespace, carryOut];

/** One of them. */
export function rareDoing(dice: Dice, clusters: readonly string[]): readonly Step[] {
  const doing = dice.chance(0.02) ? awayForDays : dice.pick(doings);
  return doing(dice, dice.pick(clusters), 1 / clusters.length);
}
