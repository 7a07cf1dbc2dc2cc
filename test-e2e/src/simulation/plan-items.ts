/** What a random work is to have: objects of its own, shared ones, some in a namespace or of a kind that it brings along. Pure. */
import type { Dice } from './dice.js';
import { type Item, type Strategy, sharedNames } from './items.js';

/** Names of the works that take their objects along when they go. */
export const ownedWorks = ['alpha', 'beta', 'gamma', 'delta'] as const;
/** Its objects stay. */
export const orphanedWork = 'orphaned';
/** It is never applied. */
export const plannedWork = 'planned';

export function planItems(dice: Dice, work: string): readonly Item[] {
  const items = new Map<string, Item>();
  for (let i = dice.int(1, 5); i > 0; i--) {
    for (const item of work === orphanedWork ? [orphanItem(dice)] : ownItems(dice, work)) {
      items.set(`${item.kind} ${item.namespace} ${item.name}`, item);
    }
  }
  return [...items.values()];
}

function ownItems(dice: Dice, work: string): readonly Item[] {
  const strategy = dice.pick<Strategy>(['Update', 'Update', 'Update', 'ServerSideApply', 'CreateOnly']);
  const roll = dice.next() * 100;
  const own = `${work}-${dice.pick(['x', 'y', 'z'])}`;
  if (roll < 40) return [{ kind: 'configmap', name: own, strategy }];
  if (roll < 50) return [{ kind: 'secret', name: own, strategy }];
  if (roll < 65) {
    return [{ kind: 'configmap', name: dice.pick(sharedNames), strategy: 'Update' }];
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

function orphanItem(dice: Dice): Item {
  if (dice.chance(0.4)) return { kind: 'configmap', name: 'foreign-kept', strategy: 'CreateOnly' };
  const name = `${orphanedWork}-${dice.pick(['x', 'y'])}`;
  return { kind: 'configmap', name, strategy: dice.pick<Strategy>(['Update', 'CreateOnly']) };
}
