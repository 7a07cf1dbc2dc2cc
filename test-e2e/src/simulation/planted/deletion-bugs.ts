/** Bugs of how objects go, and of what must not go. Each is planted alone. */
import type { PlantedBug } from './substitute.js';

const work = 'packages/klusterlet/src/work';

export const deletionBugs: readonly PlantedBug[] = [
  {
    name: 'no-precondition-on-delete',
    what: 'an object is deleted by its name, whatever has come in its place since it was read',
    file: `${work}/inventory/release.ts`,
    edits: [
      [
        'preconditions: { ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }), },',
        'preconditions: { ...(uid === resourceVersion && uid !== undefined && { uid }) },',
      ],
    ],
  },
  {
    name: 'drop-owner-check',
    what: 'an object is deleted without a look at whether it is ours',
    file: `${work}/inventory/release.ts`,
    edits: [["if (!ownerReferences.some((reference) => reference.uid === ourUid)) return 'forget';", '']],
  },
  {
    name: 'delete-shared',
    what: 'an object that another work owns too is deleted with the first one',
    file: `${work}/inventory/release.ts`,
    edits: [["if (others.length > 0) return 'disown';", "if (others.length > 99) return 'disown';"]],
  },
  {
    name: 'forget-other-versions',
    what: 'an object in a version that is not served any more counts as gone',
    file: `${work}/inventory/release.ts`,
    edits: [
      [
        'return served.find((each) => each.version === version) ?? served[0];',
        'return served.find((each) => each.version === version);',
      ],
    ],
  },
  {
    name: 'any-404-is-absence',
    what: 'a path that the server does not serve counts as an object that is gone',
    file: `${work}/inventory/release.ts`,
    edits: [["return error.status.details?.name === undefined ? 'not served' : 'gone';", "return 'gone';"]],
  },
  {
    name: 'forget-pruning',
    what: 'a manifest that a work does not have any more is not pruned',
    file: `${work}/inventory/applied-resources.ts`,
    edits: [
      [
        'return recorded.filter((resource) => !wanted.has(resourceId(resource)) && !isHeld(resource));',
        'return recorded.filter((resource) => !wanted.has(resourceId(resource)) && !isHeld(resource) && false);',
      ],
    ],
  },
  {
    name: 'release-before-clean',
    what: 'the hub may let a work go while its objects are still there',
    file: `${work}/work-reconciler.ts`,
    edits: [
      [
        'await saved.save(work); if (inventory.metadata.deletionTimestamp !== undefined) return;',
        'await saved.save(work); hubWriter.release(work); if (inventory.metadata.deletionTimestamp !== undefined) return;',
      ],
    ],
  },
  {
    name: 'evict-without-grace',
    what: 'a work that is missing for a moment is taken away at once',
    file: `${work}/inventory/eviction.ts`,
    edits: [["return { type: 'begin', waitMs: gracePeriodMs };", "return { type: 'delete' };"]],
  },
  {
    name: 'never-evict',
    what: 'what a work left that the hub does not have is never taken away',
    file: `${work}/inventory/eviction.ts`,
    edits: [
      [
        "return waitMs > 0 ? { type: 'wait', waitMs } : { type: 'delete' };",
        "return waitMs > 0 ? { type: 'wait', waitMs } : { type: 'none' };",
      ],
    ],
  },
];
