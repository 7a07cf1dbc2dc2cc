/** Bugs of how a work's objects are made and kept. Each is planted alone. */
import type { PlantedBug } from './substitute.js';

const work = 'packages/klusterlet/src/work';

export const applyBugs: readonly PlantedBug[] = [
  {
    name: 'no-retry-no-resync',
    what: 'a work with a manifest that failed is not tried again',
    file: `${work}/work-reconciler.ts`,
    edits: [
      ['if (result.failures.length > 0) throw new ManifestsFailedError(result.failures);', ''],
      [
        'return { requeueAfterMs: Math.min(result.retryAfterMs ?? resyncMs, resyncMs) };',
        'return { requeueAfterMs: resyncMs * 1000 };',
      ],
    ],
  },
  {
    name: 'no-precondition-on-patch',
    what: 'an object is patched from what was read, whatever has become of it since',
    file: `${work}/apply/object-access.ts`,
    edits: [
      [
        '{ ...metadata, uid, resourceVersion, ...(owners && { ownerReferences: owners }) }',
        '{ ...metadata, ...(uid === resourceVersion && { uid }), ...(owners && { ownerReferences: owners }) }',
      ],
    ],
  },
  {
    name: 'apply-before-recording',
    what: 'objects are applied before the inventory says so',
    file: `${work}/apply-pass.ts`,
    edits: [
      [
        'this.#inventory = await inventories.record(this.#inventory, intent, this.#input.signal);',
        'void inventories;',
      ],
    ],
  },
  {
    name: 'apply-without-first-intent',
    what: 'a new inventory is created without the intention in it, and nothing is recorded before the first object',
    file: `${work}/inventory/inventories.ts`,
    edits: [
      [
        'if (equal(recordedResources(inventory), resources)) return inventory;',
        'if (equal(recordedResources(inventory), resources) || resources.some(({ uid }) => uid === undefined)) return inventory;',
      ],
      [
        'const annotations = { ...wanted.metadata.annotations, ...intentAnnotations(intent()) };',
        'const annotations = { ...wanted.metadata.annotations, ...intentAnnotations(intent().slice(0, 0)) };',
      ],
    ],
  },
  {
    name: 'forget-other-owners',
    what: 'the owners that other works gave an object are dropped',
    file: `${work}/apply/owner-references.ts`,
    edits: [
      [
        'const kept = owned ? current : current.filter(({ uid }) => uid !== owner.uid);',
        'const kept = current.filter(({ uid }) => uid === owner.uid && owned);',
      ],
    ],
  },
  {
    name: 'no-seniority',
    what: 'two works that want one object differently both have their way, for ever',
    file: `${work}/work-reconciler.ts`,
    edits: [
      [
        '.find((other) => seniority(inventories.get(inventories.nameFor(other)), other) < mine);',
        '.find((other) => seniority(inventories.get(inventories.nameFor(other)), other) < mine && other === work);',
      ],
    ],
  },
  {
    name: 'deaf-to-drift',
    what: 'changes behind our back are seen only at the next resync',
    file: `${work}/work-agent.ts`,
    edits: [['if (isNews(work, tracked, metadata)) works.enqueue(work);', 'void isNews; void metadata;']],
  },
  {
    name: 'create-only-updates',
    what: 'CreateOnly changes what was there before',
    file: `${work}/apply/strategy-update.ts`,
    edits: [
      [
        '(live) => settleOwners(target, live, context));',
        '(live) => correct(target, { live, manifest }, context));',
      ],
    ],
  },
  {
    name: 'plans-are-carried-out',
    what: 'what a work would do is found out by doing it',
    file: `${work}/dry-run/plan-work.ts`,
    edits: [['client: dryRun.client,', 'client: deps.client,']],
  },
  {
    name: 'orphan-deletes',
    what: 'what was to be orphaned is owned, and goes with its work',
    file: `${work}/planning/manifest-settings.ts`,
    edits: [["if (deleteOption?.propagationPolicy === 'Orphan') return false;", '']],
  },
  {
    name: 'blind-to-fields',
    what: 'an object whose annotations are as they should be counts as right in every field',
    file: `${work}/apply/desired-state.ts`,
    edits: [
      [
        "out['metadata'] = metadata;",
        `out['metadata'] = metadata;
         if (previous.length === 0 && equal(metadata['annotations'], live.metadata.annotations)) return out;`,
      ],
    ],
  },
  {
    name: 'fields-of-others-go',
    what: 'the data of an object is written whole: what others have added goes',
    file: `${work}/apply/desired-state.ts`,
    edits: [
      [
        'const merged = mergeValue(strip(live), spec, previous.map(strip)) as JsonObject;',
        `const merged: any = mergeValue(strip(live), spec, previous.map(strip));
         if (isObject(spec['data'])) merged['data'] = spec['data'];`,
      ],
    ],
  },
  {
    name: 'once-a-plan',
    what: 'a work that was a plan once stays one, whatever becomes of its annotation, until the klusterlet starts anew',
    file: 'packages/klusterlet/src/work/work-reconciler.ts',
    edits: [
      [
        'if (!isPlan(work)) return',
        `const self = this as any;
         self.planned ??= new Set<string>();
         if (isPlan(work)) self.planned.add(work.metadata.uid);
         if (!self.planned.has(work.metadata.uid)) return`,
      ],
    ],
  },
];
