/**
 * Defects of which what the hub and the clusters have stored says nothing: each side agrees with the other, and both
 * are wrong. They show what the reference model adds to a comparison of the two.
 */
import type { PlantedBug } from './substitute.js';

export const unseenBugs: readonly PlantedBug[] = [
  {
    name: 'revision-of-successor',
    what: 'what is kept of a former generation is the spec of the next one: an undo changes nothing, or the wrong thing',
    file: 'packages/hub/src/admission/history-rules.ts',
    edits: [
      [
        'await record(oldObject as ManifestWork, { limit, client });',
        "await record({ ...oldObject, spec: object['spec'] } as ManifestWork, { limit, client });",
      ],
    ],
  },
  {
    name: 'labels-are-dropped',
    what: 'a change of nothing but the labels of a work is acknowledged and not made',
    file: 'packages/hub/src/admission/history-rules.ts',
    edits: [
      [
        'for (const key of authorship) if (known[key] !== undefined) annotations[key] = known[key];',
        `for (const key of authorship) if (known[key] !== undefined) annotations[key] = known[key];
         const { labels } = oldObject.metadata;
         if (labels === undefined) delete object.metadata.labels;
         else object.metadata.labels = labels;`,
      ],
    ],
  },
  {
    name: 'junior-wins',
    what: 'of works that quarrel about an object the one that came last has its way',
    file: 'packages/klusterlet/src/work/work-reconciler.ts',
    edits: [
      [
        '.find((other) => seniority(inventories.get(inventories.nameFor(other)), other) < mine);',
        '.find((other) => seniority(inventories.get(inventories.nameFor(other)), other) > mine);',
      ],
    ],
  },
  {
    name: 'inventory-never-forgets',
    what: 'an inventory goes on listing what was pruned',
    file: 'packages/klusterlet/src/work/apply-pass.ts',
    edits: [
      [
        'const resources = afterPass(this.#recordedResources(), results, pruned.pending);',
        'const resources = afterPass(this.#recordedResources(), results, this.#recordedResources());',
      ],
    ],
  },
];
