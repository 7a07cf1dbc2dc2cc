/**
 * Defects that the simulation must find, each planted alone into the source of a production file as it is loaded. They
 * show that the simulation bites: that a promise which is broken is seen to be broken.
 */
import type { PlantedBug } from './substitute.js';
import { unseenBugs } from './unseen-bugs.js';

const work = 'packages/klusterlet/src/work';
const registration = 'packages/klusterlet/src/registration';
const kube = 'packages/kube/src';
const apiserver = 'packages/apiserver/src';
const hub = 'packages/hub/src';

/** @throws Error when there is none of this name. */
export function plantedBug(name: string): PlantedBug {
  const found = plantedBugs.find((bug) => bug.name === name);
  if (found === undefined) throw new Error(`there is no planted bug ${JSON.stringify(name)}`);
  return found;
}

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'skip-fsync',
    what: 'a crash loses what was acknowledged in the last five seconds: nothing was synced',
    file: `${apiserver}/storage/memory-store.ts`,
    edits: [
      [
        'const batch = this.#plan(writes); this.#disk.apply(batch);',
        `const disk: any = this.#disk;
         const before = { revision: disk.revision, current: new Map(disk.current), events: [...disk.events] };
         (disk.undos ??= []).push({ atMs: clock?.monotonicMs() ?? 0, before });
         const batch = this.#plan(writes);
         this.#disk.apply(batch);`,
      ],
      [
        'const unsynced = this.#queue.inFlight;',
        `const unsynced = this.#queue.inFlight;
         const disk: any = this.#disk;
         const nowMs = this.#options.clock?.monotonicMs() ?? 0;
         const lost = (disk.undos ?? []).find(({ atMs }: any) => nowMs - atMs < 5000);
         if (lost !== undefined) {
           disk.revision = lost.before.revision;
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
         const undo = { revision: disk.revision, current: new Map(disk.current), events: [...disk.events] };
         disk.undo ??= undo;
         if (clock !== undefined && delayMs > 0) clock.setTimer(delayMs, () => { disk.undo = undefined; });`,
      ],
      [
        'const unsynced = this.#queue.inFlight;',
        `const unsynced = this.#queue.inFlight;
         const disk: any = this.#disk;
         if (disk.undo !== undefined) {
           disk.revision = disk.undo.revision;
           disk.events = disk.undo.events;
           disk.current.clear();
           for (const [key, value] of disk.undo.current) disk.current.set(key, value);
           disk.undo = undefined;
         }`,
      ],
    ],
  },
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
    name: 'forget-earlier-manifests',
    what: 'fields that only an earlier edition set are not taken away after a restart or a failure',
    file: `${work}/saved-works.ts`,
    edits: [['return kept.slice(-maxPrevious);', 'return kept.slice(0, 0);']],
  },
  {
    name: 'ignore-410',
    what: 'a watch that the server has forgotten is asked for again and again from the same place',
    file: `${kube}/informer/informer.ts`,
    edits: [
      ['this.#resumeAt = undefined; log.debug(', 'log.debug('],
      ['return lostPlace ? 0 : delayMs;', 'return lostPlace ? delayMs : delayMs;'],
    ],
  },
  {
    name: 'lose-events-after-reconnect',
    what: 'a watch that broke goes on from now: what was deleted in between is never told',
    file: `${kube}/informer/informer.ts`,
    edits: [
      [
        '{ resourceVersion: this.#resumeAt }),',
        "{ resourceVersion: this.#backoff.nextMs() > 1500 ? '0' : this.#resumeAt }),",
      ],
    ],
  },
  {
    name: 'miss-deletions-in-list',
    what: 'what vanished while nobody watched is not reported as deleted',
    file: `${kube}/informer/informer.ts`,
    edits: [
      ['for (const key of this.#cache.keys()) if (!listed.has(key)) this.#remove(key, undefined);', ''],
    ],
  },
  {
    name: 'lose-key-while-busy',
    what: 'a change that comes while its key is being worked on is lost',
    file: `${kube}/queue/work-queue.ts`,
    edits: [['if (this.#again.delete(key)) this.add(key);', 'this.#again.delete(key);']],
  },
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
    name: 'evict-on-silence',
    what: 'a work that a silent hub has not shown counts as missing; neither a saved copy nor the guard against mass deletions helps',
    file: `${work}/work-agent.ts`,
    edits: [
      ['return source.isComplete ? false : undefined;', 'return false;'],
      ['source.restore(await saved.load());', 'source.restore((await saved.load()).slice(0, 0));'],
      ['options: options.deletionGuard,', 'options: { ...options.deletionGuard, heldShare: 1 },'],
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
  {
    name: 'claim-before-applying',
    what: 'the status claims the newest generation before it was applied',
    file: `${work}/work-reconciler.ts`,
    edits: [
      [
        'hubWriter.report(name, { uid, generation, manifests, observedAtMs });',
        `const claimed = this.#deps.source.get(name)?.metadata.generation ?? generation;
         hubWriter.report(name, { uid, generation: claimed, manifests, observedAtMs });`,
      ],
    ],
  },
  {
    name: 'report-to-successor',
    what: 'the status of a work is written to another one of the same name that came after it',
    file: `${work}/hub-writer.ts`,
    edits: [['if (news.uid !== work.metadata.uid) return undefined;', '']],
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
  {
    name: 'status-without-heartbeat',
    what: 'a cluster says that it is available without the heartbeat that the hub misses, and both contradict each other',
    file: `${registration}/status-controller.ts`,
    edits: [
      ["if (available?.status === 'Unknown') await renewLease(options);", 'void available; void renewLease;'],
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
    name: 'idle-after-restart-without-hub',
    what: 'a klusterlet that restarts while the hub is away does nothing with its saved works',
    file: `${work}/work-reconciler.ts`,
    edits: [
      [
        'const inventory = await this.#ensureInventory(work, signal);',
        "if (!this.#deps.source.isFromHub(work.metadata.name ?? '')) return {}; const inventory = await this.#ensureInventory(work, signal);",
      ],
    ],
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
    name: 'orphan-deletes',
    what: 'what was to be orphaned is owned, and goes with its work',
    file: `${work}/planning/manifest-settings.ts`,
    edits: [["if (deleteOption?.propagationPolicy === 'Orphan') return false;", '']],
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
    name: 'any-404-is-absence',
    what: 'a path that the server does not serve counts as an object that is gone',
    file: `${work}/inventory/release.ts`,
    edits: [["return error.status.details?.name === undefined ? 'not served' : 'gone';", "return 'gone';"]],
  },
  {
    name: 'never-renew-certificate',
    what: 'an expired certificate is never replaced',
    file: `${registration}/renewal.ts`,
    edits: [
      ['return parseCertificate(certificatePem).notAfterMs <= clock.now();', 'return clock.now() < 0;'],
      [
        'const pending = (await livePending(hub, options)) ?? (await createRequest(hub, options));',
        'const pending = (await livePending(hub, options)) ?? (await new Promise<PendingRequest>(() => undefined));',
      ],
    ],
  },
  {
    name: 'heartbeat-stops',
    what: 'one lost heartbeat is the last',
    file: `${registration}/lease-renewer.ts`,
    edits: [
      [
        'if (!(await renewLease(options))) return { requeueAfterMs: missingRetryMs };',
        'try { if (!(await renewLease(options))) return { requeueAfterMs: missingRetryMs }; } catch { return undefined; }',
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
  ...unseenBugs,
];
