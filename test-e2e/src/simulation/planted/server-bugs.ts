/** Bugs of the API server, its store and the hub's own rules. Each is planted alone. */
import type { PlantedBug } from './substitute.js';

const apiserver = 'packages/apiserver/src';
const hub = 'packages/hub/src';
const validation = 'packages/api/src/validation';

export const serverBugs: readonly PlantedBug[] = [
  {
    name: 'skip-fsync',
    what: 'a crash loses what was acknowledged in the last five seconds: nothing was synced',
    file: `${apiserver}/storage/memory-store.ts`,
    edits: [
      [
        'const batch = this.#plan(writes); this.#disk.apply(batch);',
        `const disk: any = this.#disk;
         const before = { revision: disk.revision, compacted: disk.compacted, current: new Map(disk.current), events: [...disk.events] };
         const nowMs = clock?.monotonicMs() ?? 0;
         disk.undos = [...(disk.undos ?? []).filter(({ atMs }: any) => nowMs - atMs < 5000), { atMs: nowMs, before }];
         const batch = this.#plan(writes);
         this.#disk.apply(batch);`,
      ],
      [
        'const unsynced = this.#queue.inFlight;',
        `const unsynced = this.#queue.inFlight;
         const disk: any = this.#disk;
         const nowMs = this.#options.clock?.monotonicMs() ?? 0;
         const lost = disk.undos?.find(({ atMs }: any) => nowMs - atMs < 5000);
         if (lost !== undefined) {
           disk.revision = lost.before.revision;
           disk.compacted = lost.before.compacted;
           disk.events = lost.before.events;
           disk.current.clear();
           for (const [key, value] of lost.before.current) disk.current.set(key, value);
         }
         disk.undos = [];`,
      ],
    ],
  },
  {
    name: 'acknowledge-before-sync',
    what: 'a write is acknowledged when it is queued for the disk, not when it is there',
    file: `${apiserver}/storage/memory-store.ts`,
    edits: [
      [
        'if (clock !== undefined && delayMs > 0) { await new Promise<void>((resolve) => void clock.setTimer(delayMs, resolve)); }',
        `const disk: any = this.#disk;
         const undo = { revision: disk.revision, compacted: disk.compacted, current: new Map(disk.current), events: [...disk.events] };
         disk.undo ??= undo;
         if (clock !== undefined && delayMs > 0) clock.setTimer(delayMs, () => { disk.undo = undefined; });`,
      ],
      [
        'const unsynced = this.#queue.inFlight;',
        `const unsynced = this.#queue.inFlight;
         const disk: any = this.#disk;
         if (disk.undo !== undefined) {
           disk.revision = disk.undo.revision;
           disk.compacted = disk.undo.compacted;
           disk.events = disk.undo.events;
           disk.current.clear();
           for (const [key, value] of disk.undo.current) disk.current.set(key, value);
           disk.undo = undefined;
         }`,
      ],
    ],
  },
  {
    name: 'lost-update',
    what: 'the store does not look at the version that a write is bound to: of two writers at a time one is lost',
    file: `${apiserver}/storage/plan-batch.ts`,
    edits: [
      [
        '(current?.modRevision ?? 0n) !== write.expected ||',
        '(current === undefined) !== (write.expected === 0n) ||',
      ],
    ],
  },
  {
    name: 'agents-read-all-requests',
    what: 'an agent may read the certificate requests of other clusters',
    file: `${hub}/admission/read-guard.ts`,
    edits: [
      [
        'if ((!isCsr && !isCluster) || !reads.has(verb)) return undefined;',
        'if (isCsr || !isCluster || !reads.has(verb)) return undefined;',
      ],
    ],
  },
  {
    name: 'never-wait-for-readers',
    what: 'a watch is written on however little its client reads',
    file: `${apiserver}/handlers/watch-stream.ts`,
    edits: [
      ['this.#isBlocked = !this.#sink.write(bytes);', 'this.#sink.write(bytes); this.#isBlocked = false;'],
    ],
  },
  {
    name: 'agents-rewrite-works',
    what: 'an agent may change what its works ask for',
    file: `${hub}/admission/agent-rules.ts`,
    edits: [
      [
        `changedMetadata(object, oldObject, { finalizer: manifestWorkFinalizer }) ??
         (equal(object['spec'] ?? null, oldObject['spec'] ?? null) ? undefined : 'spec'),`,
        'void object ?? void oldObject,',
      ],
    ],
  },
  {
    name: 'revocation-without-effect',
    what: 'a certificate that the hub has revoked is as good as before',
    file: `${hub}/identity/revocations.ts`,
    edits: [['return isRevoked(key, revocation) ? revocation.fromMs : undefined;', 'return undefined;']],
  },
  {
    name: 'empty-work-is-taken',
    what: 'a work without a manifest is taken',
    file: `${validation}/manifest-work.ts`,
    edits: [["if (manifests.length === 0) throw newBadRequest('manifests should not be empty');", '']],
  },
  {
    name: 'refuse-without-a-word',
    what: 'a refusal does not say which field is wrong',
    file: `${validation}/manifest-work.ts`,
    edits: [["newBadRequest('name must be set in manifest')", "newBadRequest('the request is invalid')"]],
  },
];
