/** What stories are told with. Pure; used by `stories.ts` and its like. */
import type { Dice } from './dice.js';
import type { Item, Strategy } from './items.js';
import type { Action, Drift, Step } from './scenario.js';

export interface Scene {
  readonly dice: Dice;
  readonly cluster: string;
  /** All of the fleet. */
  readonly clusters: readonly string[];
}

/** What happens in one of them. */
export type Story = (scene: Scene) => readonly Step[];

export const secondMs = 1000;
export const minuteMs = 60_000;
export const dayMs = 24 * 60 * minuteMs;

export function after(thenMs: number, action: Action): Step {
  return { ...action, thenMs };
}

export function configMap(name: string, strategy: Strategy = 'Update'): Item {
  return { kind: 'configmap', name, strategy };
}

export function apply({ cluster }: Scene, name: string, items: readonly Item[]): Action {
  return { do: 'apply', plan: { cluster, name, orphan: false, items } };
}

/** A work of some own objects. */
export function edition(scene: Scene, name: string): Action {
  const suffixes = scene.dice.shuffled(['x', 'y', 'z']).slice(0, scene.dice.int(1, 3));
  return apply(
    scene,
    name,
    suffixes.map((suffix) => configMap(`${name}-${suffix}`, scene.dice.pick(['Update', 'ServerSideApply']))),
  );
}

export function drift({ dice, cluster }: Scene, kind: Drift): Action {
  return { do: 'drift', cluster, drift: kind, pick: dice.int(0, 999) };
}
