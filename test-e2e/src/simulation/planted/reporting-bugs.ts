/** Bugs of what a klusterlet tells the hub, and of how it hears what the hub wants. Each is planted alone. */
import type { PlantedBug } from './substitute.js';

const work = 'packages/klusterlet/src/work';

export const reportingBugs: readonly PlantedBug[] = [
  {
    name: 'claim-before-applying',
    what: 'the status claims the newest generation before it was applied',
    file: `${work}/work-reconciler.ts`,
    edits: [
      [
        'hubWriter.report(work, { manifests, observedAtMs });',
        'hubWriter.report(this.#deps.source.get(name) ?? work, { manifests, observedAtMs });',
      ],
    ],
  },
  {
    name: 'report-to-successor',
    what: 'the status of a work is written to another one of the same name that came after it',
    file: `${work}/hub-writer.ts`,
    edits: [
      ['if (news.uid !== work.metadata.uid) return undefined;', ''],
      [' && equal(news.spec, spec);', ';'],
    ],
  },
  {
    name: 'call-going-what-came-back',
    what: 'a work that a restored hub has back from before its removal is said to be going, for ever',
    file: `${work}/hub-writer.ts`,
    edits: [['if (metadata.deletionTimestamp === undefined) return status;', '']],
  },
  {
    name: 'accept-older-spec',
    what: 'an answer that comes after a newer event takes the work back to an older spec',
    file: `${work}/work-source.ts`,
    edits: [
      ['if (!isStill) return;', 'if (!isStill && base.metadata.uid !== uid) return;'],
      [
        'if (isShown) this.#set(shared); else this.#ahead.set(name, shared);',
        "void isShown; this.#set(shared); this.#options.onChange(name, 'work');",
      ],
    ],
  },
  {
    name: 'reuse-stale-version',
    what: 'after a conflict the same stale resourceVersion is sent again',
    file: `${work}/hub-writer.ts`,
    edits: [
      [
        'if (source.newest(name)?.metadata.resourceVersion === work.metadata.resourceVersion) throw error;',
        'if (source !== undefined) return { requeueAfterMs: 1000 };',
      ],
      [
        "const { name = '', namespace = '', uid, resourceVersion } = work.metadata;",
        `const { name = '', namespace = '', uid } = work.metadata;
         const stale: any = ((this as any).stale ??= new Map());
         const resourceVersion = stale.get(uid) ?? work.metadata.resourceVersion;
         stale.set(uid, resourceVersion);`,
      ],
      [
        'this.#options.source.acknowledge(patched, work);',
        'stale.delete(uid); this.#options.source.acknowledge(patched, work);',
      ],
    ],
  },
  {
    name: 'report-without-finalizer',
    what: 'a work is reported as applied before it is sure that it cannot go without its klusterlet',
    file: `${work}/hub-writer.ts`,
    edits: [['await this.ensureFinalizer(work, signal); return this.#options', 'return this.#options']],
  },
  {
    name: 'hammer-on-conflict',
    what: 'a hub that refuses a status as stale again and again is asked in a loop',
    file: `${work}/hub-writer.ts`,
    edits: [
      [
        'if (source.newest(name)?.metadata.resourceVersion === work.metadata.resourceVersion) throw error;',
        '',
      ],
    ],
  },
];
