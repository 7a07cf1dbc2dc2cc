/**
 * Short courses of events: each is one of the ways in which systems of this kind are known to go wrong, in steps that
 * chance alone seldom puts in this order at this pace. What they name and when is from the seed; `plan-scenario.ts`
 * puts some of them among the steps of a scenario, whatever else goes on there. Pure.
 */
import { type Item, sharedNames } from './items.js';
import { ownedWorks } from './plan-items.js';
import { clusterLink, hubLink, type Step } from './scenario.js';
import { after, apply, configMap, dayMs, drift, edition, minuteMs, type Story, secondMs } from './scene.js';
import { unheardStories } from './unheard-stories.js';

/** The power goes just after the hub has said yes. */
const crashAfterAnswer: Story = (scene) => {
  const { dice } = scene;
  return [
    after(dice.pick([20, 200, 2500]), edition(scene, dice.pick(ownedWorks))),
    after(20 * secondMs, { do: 'crash hub', downMs: dice.pick([50, 2000]) }),
  ];
};

/** Somebody works on while the klusterlet cannot write. */
const noRoomForCopies: Story = (scene) => {
  const { dice, cluster } = scene;
  const node = `klusterlet-${cluster}`;
  const fault = dice.pick(['full', 'full', 'unreadable'] as const);
  return [
    after(dice.int(0, 20), { do: 'disk', node, fault }),
    after(dice.int(1, 20) * secondMs, edition(scene, dice.pick(ownedWorks))),
    after(secondMs, { do: 'disk', node, fault: 'none' }),
  ];
};

/** Objects vanish or change while the klusterlet cannot look. */
const blindToCluster: Story = (scene) => {
  const { dice, cluster } = scene;
  const link = clusterLink(cluster);
  return [
    after(dice.int(4, 20) * secondMs, { do: 'cut', link, mode: dice.pick(['refuse', 'refuse', 'drop']) }),
    after(secondMs, drift(scene, dice.pick(['delete', 'delete', 'edit', 'replace']))),
    after(minuteMs, { do: 'heal', link }),
  ];
};

/** The same, and then the cluster does not know any more what happened. */
const blindAndForgotten: Story = (scene) => {
  const { dice, cluster } = scene;
  const link = clusterLink(cluster);
  return [
    after(dice.int(1, 10) * secondMs, { do: 'cut', link, mode: 'refuse' }),
    after(secondMs, drift(scene, 'delete')),
    after(5 * secondMs, { do: 'forget history', server: cluster, downMs: 500 }),
    after(minuteMs, { do: 'heal', link }),
  ];
};

/** Somebody puts another object in the place of one that is about to be deleted. */
const replacedBeforeDeletion: Story = (scene) => {
  const { dice, cluster } = scene;
  const name = dice.pick(ownedWorks);
  const [kept, dropped] = [configMap(`${name}-x`), configMap(`${name}-y`)];
  return [
    after(5 * secondMs, apply(scene, name, [kept, dropped])),
    after(10, { do: 'ambush', cluster, drift: dice.pick(['replace', 'replace', 'edit']), before: 'DELETE' }),
    after(
      20 * secondMs,
      dice.chance(0.5) ? apply(scene, name, [kept]) : ({ do: 'remove', cluster, name } as const),
    ),
  ];
};

/** Somebody takes the system's mark off an object, or replaces it, just when a change of it is corrected. */
const changedBeforeCorrection: Story = (scene) => {
  const { dice, cluster } = scene;
  return [
    after(8 * secondMs, edition(scene, dice.pick(ownedWorks))),
    after(10, { do: 'ambush', cluster, drift: dice.pick(['disown', 'disown', 'replace']), before: 'PATCH' }),
    after(20 * secondMs, drift(scene, 'edit')),
  ];
};

/** Two works hold one object, and one of them lets go. */
const sharedByTwo: Story = (scene) => {
  const { dice, cluster } = scene;
  const [first = '', second = ''] = dice.shuffled(ownedWorks);
  const shared = configMap(dice.pick(sharedNames));
  const [leaver, ...rest] = dice.shuffled([first, second]) as [string, string];
  return [
    after(dice.int(2, 5) * secondMs, apply(scene, first, [shared, configMap(`${first}-x`)])),
    after(dice.int(5, 10) * secondMs, apply(scene, second, [shared, configMap(`${second}-x`)])),
    after(
      20 * secondMs,
      dice.chance(0.6)
        ? { do: 'remove', cluster, name: leaver }
        : apply(scene, leaver, [configMap(`${leaver}-x`)]),
    ),
    after(5 * secondMs, dice.chance(0.3) ? { do: 'remove', cluster, name: rest[0] } : { do: 'wait' }),
  ];
};

/** An upgrade takes a version away while an object in it is to go. */
const versionTakenAway: Story = (scene) => {
  const { dice, cluster } = scene;
  const name = dice.pick(ownedWorks);
  const [kept, dropped]: readonly [Item, Item] = [
    configMap(`${name}-x`),
    { kind: 'cronjob', name: `${name}-z`, strategy: 'Update' },
  ];
  const upgrade = after(dice.pick([100, 2500]), { do: 'upgrade', cluster, minor: dice.int(25, 30) } as const);
  const prune = after(dice.pick([10, 1000]), apply(scene, name, [kept]));
  const crash = after(100, { do: 'crash klusterlet', cluster, downMs: 10 * secondMs } as const);
  return [
    after(5 * secondMs, apply(scene, name, [kept, dropped])),
    ...(dice.chance(0.6) ? [crash] : []),
    ...(dice.chance(0.5) ? [upgrade, prune] : [prune, upgrade]),
    after(40 * secondMs, { do: 'wait' }),
  ];
};

/** The hub says nothing for longer than a missing work is waited for, and the klusterlet starts anew meanwhile. */
const longSilence: Story = (scene) => {
  const { dice, cluster } = scene;
  const link = hubLink(cluster);
  return [
    after(dice.int(1, 20) * secondMs, { do: 'cut', link, mode: 'refuse' }),
    after(3 * minuteMs, { do: 'crash klusterlet', cluster, downMs: 1000 }),
    after(75 * minuteMs, drift(scene, dice.pick(['edit', 'delete', 'disown']))),
    after(minuteMs, { do: 'heal', link }),
  ];
};

/** The hub goes back to a time before a work; perhaps somebody makes it once more. */
const restoredWithoutWork: Story = (scene) => {
  const { dice, cluster } = scene;
  const name = dice.pick(ownedWorks);
  const link = hubLink(cluster);
  const isCut = dice.chance(0.6);
  return [
    after(15 * secondMs, { do: 'remove', cluster, name }),
    after(10, { do: 'back up hub' }),
    after(dice.int(3, 10) * secondMs, edition(scene, name)),
    ...(isCut ? [after(100, { do: 'cut', link, mode: 'refuse' })] : []),
    after(5 * secondMs, { do: 'restore hub', downMs: 500 }),
    ...(dice.chance(0.6) ? [after(2 * secondMs, edition(scene, name))] : []),
    ...(isCut ? [after(100, { do: 'heal', link })] : []),
    after(minuteMs, { do: 'wait' }),
  ];
};

/** The hub goes back to a time before a removal that is under way, or over. */
const restoredBeforeRemoval: Story = (scene) => {
  const { dice, cluster } = scene;
  const name = dice.pick(ownedWorks);
  return [
    after(5 * secondMs, edition(scene, name)),
    after(10, { do: 'back up hub' }),
    after(dice.int(5, 25), { do: 'remove', cluster, name }),
    after(10 * secondMs, { do: 'restore hub', downMs: dice.pick([50, 500]) }),
  ];
};

/** The hub is away until it calls the cluster lost. */
const lostAndFound: Story = ({ dice, cluster }) => [
  after(dice.int(6, 9) * minuteMs, { do: 'cut', link: hubLink(cluster), mode: 'refuse' }),
  after(2 * minuteMs, { do: 'heal', link: hubLink(cluster) }),
];

/** The hub refuses every write as stale, for a while in which there is something to say. */
const nothingButConflicts: Story = (scene) => {
  const { dice } = scene;
  return [
    after(5 * secondMs, edition(scene, dice.pick(ownedWorks))),
    after(10, { do: 'trouble', server: 'hub', fault: 'conflict', share: 1 }),
    after(10, drift(scene, 'count')),
    after(dice.int(60, 180) * secondMs, edition(scene, dice.pick(ownedWorks))),
    after(secondMs, { do: 'trouble', server: 'hub', fault: 'none', share: 0 }),
  ];
};

/** Specs follow each other faster than answers come back. */
const answersComeLate: Story = (scene) => {
  const { dice, cluster } = scene;
  const name = dice.pick(ownedWorks);
  const link = hubLink(cluster);
  return [
    after(10, { do: 'delay', link, maxMs: 3000 }),
    after(dice.int(500, 4000), edition(scene, name)),
    after(dice.int(500, 4000), edition(scene, name)),
    after(dice.int(500, 4000), edition(scene, name)),
    after(20 * secondMs, edition(scene, name)),
    after(secondMs, { do: 'delay', link, maxMs: 5 }),
  ];
};

/** Users change a work at the very moments at which its klusterlet writes to it. */
const writersMeet: Story = (scene) => {
  const { dice } = scene;
  const name = dice.pick(ownedWorks);
  return Array.from({ length: 12 }, () => after(dice.int(3, 30), edition(scene, name)));
};

/** Somebody edits a work again and again: what is kept of its past must go. */
const editsWithoutEnd: Story = (scene) => {
  const { dice } = scene;
  const name = dice.pick(ownedWorks);
  return Array.from({ length: 48 }, () => after(5 * secondMs, edition(scene, name)));
};

/** Nobody is there until all certificates have expired. */
const expiredAsleep: Story = ({ dice, cluster }) => {
  const link = hubLink(cluster);
  const sleep = { do: 'sleep', forMs: dice.pick([200, 400]) * dayMs } as const;
  if (dice.chance(0.6)) return [after(3 * minuteMs, sleep)];
  // What they ask for then is granted, but they never hear of it.
  return [
    after(secondMs, { do: 'cut', link, mode: 'drop answers' }),
    after(dice.int(5, 15) * minuteMs, sleep),
    after(minuteMs, { do: 'heal', link }),
  ];
};

/** Somebody edits single fields of objects, ours and his own, while works change and klusterlets start anew. */
const fieldByField: Story = (scene) => {
  const { dice, cluster } = scene;
  const name = dice.pick(ownedWorks);
  const mine = (): Step => after(dice.int(5, 3000), drift(scene, 'add field'));
  return [
    after(5 * secondMs, edition(scene, name)),
    mine(),
    after(dice.int(5, 6000), drift(scene, dice.pick(['change field', 'drop field']))),
    mine(),
    after(dice.int(5, 6000), edition(scene, name)),
    after(20 * secondMs, { do: 'crash klusterlet', cluster, downMs: dice.pick([500, 5000]) }),
    mine(),
    after(20 * secondMs, drift(scene, dice.pick(['change field', 'drop field']))),
    after(20 * secondMs, edition(scene, name)),
  ];
};

/** A work is missing on a restored hub, and the klusterlet's clock says that it has been for hours. */
const missingAndLateClock: Story = (scene) => {
  const { dice, cluster } = scene;
  const name = dice.pick(ownedWorks);
  const node = `klusterlet-${cluster}`;
  const byMs = dice.pick([2, 6]) * 60 * minuteMs * (dice.chance(0.7) ? 1 : -1);
  return [
    after(15 * secondMs, { do: 'remove', cluster, name }),
    after(10, { do: 'back up hub' }),
    after(dice.int(3, 10) * secondMs, edition(scene, name)),
    after(20 * secondMs, { do: 'restore hub', downMs: 500 }),
    after(dice.int(1, 8) * minuteMs, { do: 'jump', node, byMs }),
    after(minuteMs, dice.chance(0.5) ? { do: 'crash klusterlet', cluster, downMs: 500 } : { do: 'wait' }),
  ];
};

/** All of them, by the word for what happens. */
export const stories: readonly Story[] = [
  crashAfterAnswer,
  noRoomForCopies,
  blindToCluster,
  blindAndForgotten,
  replacedBeforeDeletion,
  changedBeforeCorrection,
  sharedByTwo,
  versionTakenAway,
  longSilence,
  restoredWithoutWork,
  restoredBeforeRemoval,
  lostAndFound,
  nothingButConflicts,
  answersComeLate,
  writersMeet,
  editsWithoutEnd,
  expiredAsleep,
  fieldByField,
  missingAndLateClock,
  ...unheardStories,
];
