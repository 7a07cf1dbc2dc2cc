/** Bugs of the klusterlet's copies on disk, and of what it does with them while the hub is away. Each is planted alone. */
import type { PlantedBug } from './substitute.js';

const work = 'packages/klusterlet/src/work';

export const savedWorksBugs: readonly PlantedBug[] = [
  {
    name: 'forget-saved-works',
    what: 'works are not saved at all',
    file: `${work}/saved-works.ts`,
    edits: [
      [
        'return write(name, { work: next, previous: old === undefined ? [] : planPrevious(old, next) });',
        'return { work: next, previous: old === undefined ? [] : planPrevious(old, next) };',
      ],
    ],
  },
  {
    name: 'act-before-saved',
    what: 'a work is acted on before its saved copy is on disk',
    file: `${work}/saved-works.ts`,
    edits: [['await journal.write(name, entry);', 'journal.write(name, entry).catch(() => undefined);']],
  },
  {
    name: 'keep-removed-works',
    what: 'the saved copy of a removed work stays',
    file: `${work}/saved-works.ts`,
    edits: [['if (saved.has(name)) await journal.write(name, undefined);', 'if (saved.size < 0) return;']],
  },
  {
    name: 'files-pile-up',
    what: 'files of saved works that later ones have made up for stay',
    file: `${work}/journal.ts`,
    edits: [
      ['const old = this.values.size === 0 ? all : isWhole ? this.#files : [];', 'const old: number[] = [];'],
    ],
  },
  {
    name: 'forget-earlier-manifests',
    what: 'fields that only an earlier edition set are not taken away after a restart or a failure',
    file: `${work}/saved-works.ts`,
    edits: [['return kept.slice(-maxPrevious);', 'return kept.slice(0, 0);']],
  },
  {
    name: 'idle-after-restart-without-hub',
    what: 'a klusterlet that restarts while the hub is away does nothing with its saved works',
    file: `${work}/work-reconciler.ts`,
    edits: [
      [
        'const inventory = await recorded;',
        "if (!this.#deps.source.isFromHub(work.metadata.name ?? '')) return {}; const inventory = await recorded;",
      ],
    ],
  },
  {
    name: 'evict-on-silence',
    what: 'a work that a silent hub has not shown counts as missing; neither a saved copy nor the guard against mass deletions helps',
    file: `${work}/work-agent.ts`,
    edits: [
      ['return source.isComplete ? false : undefined;', 'return false;'],
      ['source.restore(await saved.load());', 'source.restore((await saved.load()).slice(0, 0));'],
      ['options: options.deletionGuard,', 'options: { ...options.deletionGuard, heldShare: 1 },'],
    ],
  },
];
