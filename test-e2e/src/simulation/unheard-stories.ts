/** Stories in which somebody is not heard, or does not listen, while others go on. Pure; told with the rest of them. */
import { ownedWorks, plannedWork } from './plan-items.js';
import { clusterLink, hubLink, userLink } from './scenario.js';
import { after, configMap, drift, edition, type Story, secondMs } from './scene.js';

/** Nobody reaches anybody, or few do; all of them go on. */
const fallenApart: Story = (scene) => {
  const { dice, clusters } = scene;
  const links = [userLink, ...clusters.flatMap((name) => [hubLink(name), clusterLink(name)])];
  const cut = dice.chance(0.5) ? links : links.filter(() => dice.chance(0.6));
  return [
    after(dice.int(1, 2000), edition(scene, dice.pick(ownedWorks))),
    after(dice.int(1, 40) * secondMs, {
      do: 'partition',
      links: cut,
      mode: dice.pick(['drop', 'refuse', 'drop requests', 'drop answers']),
    }),
    after(dice.int(1, 60) * secondMs, drift(scene, dice.pick(['delete', 'change field', 'replace']))),
    after(dice.int(10, 900) * secondMs, edition(scene, dice.pick(ownedWorks))),
    after(30 * secondMs, { do: 'reunite' }),
  ];
};

/** Works change faster than a klusterlet reads. */
const readsTooSlowly: Story = (scene) => {
  const { dice, cluster } = scene;
  const link = hubLink(cluster);
  const changes = Array.from({ length: 25 }, () =>
    after(dice.int(5, 400), edition(scene, dice.pick(ownedWorks))),
  );
  return [
    after(10, { do: 'read slowly', link, pieceMs: dice.pick([1000, 20_000]) }),
    ...changes,
    after(dice.int(10, 60) * secondMs, drift(scene, 'change field')),
    after(secondMs, { do: 'read slowly', link, pieceMs: 0 }),
  ];
};

/** The hub falls silent while it is told what plans would do and works are taken away; others drift meanwhile. */
const silentWhileAsked: Story = (scene) => {
  const { dice, cluster } = scene;
  const [going = '', staying = ''] = dice.shuffled(ownedWorks);
  const items = [configMap(`${plannedWork}-x`), configMap(`${going}-x`)];
  const plan = { cluster, name: plannedWork, orphan: false, items };
  return [
    after(2 * secondMs, edition(scene, going)),
    after(8 * secondMs, edition(scene, staying)),
    after(dice.int(1, 6), { do: 'apply as plan', plan }),
    after(dice.int(1, 12), { do: 'remove', cluster, name: going }),
    after(dice.int(10, 3000), { do: 'stall', link: hubLink(cluster) }),
    after(20 * secondMs, drift(scene, dice.pick(['change field', 'delete', 'disown']))),
  ];
};

export const unheardStories: readonly Story[] = [fallenApart, readsTooSlowly, silentWhileAsked];
