/**
 * Brings the managed cluster in line with one work: applies it, or takes it away, and tells the hub writer what came
 * of it. Works from the source alone, so that it makes no difference whether the hub can be reached. Called by the
 * agent's controller with the name of a work, never twice at a time for one name.
 */
import {
  type AppliedManifestWork,
  hasReason,
  isPlan,
  type ManifestWork,
  manifestWorkFinalizer,
} from '@flotilla/api';
import { type Clock, type ReconcileResult, TransportError } from '@flotilla/kube';
import { isAbsence } from './apply/object-access.js';
import { type ApplyPassDependencies, type PassInput, planIntent, runApplyPass } from './apply-pass.js';
import type { DeletionGuard } from './deletion-guard.js';
import type { AnnotatedPlans } from './dry-run/annotated-plans.js';
import type { Diagnoses } from './health/diagnoses.js';
import type { HubWriter } from './hub-writer.js';
import { planManifests, type Target } from './planning/plan-manifests.js';
import type { SavedWorks } from './saved-works.js';
import { judgeUnplanned } from './status/judge-manifest.js';
import type { WorkSource } from './work-source.js';

export interface WorkReconcilerDependencies extends Omit<ApplyPassDependencies, 'contestedBy'> {
  readonly source: WorkSource;
  readonly saved: SavedWorks;
  readonly hubWriter: HubWriter;
  readonly diagnoses: Diagnoses;
  /** Of works that are only to be planned. */
  readonly plans: AnnotatedPlans;
  readonly guard: DeletionGuard;
  readonly random: () => number;
}

/** Pause, doubled at most, while the hub or the cluster cannot be reached. */
const unreachableMs = 1500;
/**
 * So long the first pass waits for the hub's word on the finalizer. Meanwhile nobody corrects the objects of this work,
 * and one of the passes that may run at a time is taken.
 */
const finalizerPatienceMs = 1000;

/** A finalizer that was asked for. */
interface Finalizing {
  readonly uid: string;
  /** Asked for before the first pass: if the work is gone by then, nothing but this pass has left anything. */
  readonly isFirst: boolean;
  /** The hub has told the end of the work. One that only does not have it any more may have been restored. */
  isDeleted?: true;
  readonly sinceMs: number;
  /** Resolves with what stood in the way, if anything did; never rejects. */
  readonly asked: Promise<unknown>;
  /** What the last pass that did not wait any longer has to say once the hub has answered. */
  report?: () => void;
}

/** Thrown so that the work comes again soon; the log shows why. */
export class ManifestsFailedError extends Error {
  override readonly name = 'ManifestsFailedError';

  constructor(failures: readonly string[]) {
    const more = failures.length > 3 ? ` and ${failures.length - 3} more` : '';
    super(`${failures.slice(0, 3).join('; ')}${more}`);
  }
}

export class WorkReconciler {
  readonly #deps: WorkReconcilerDependencies;
  /** By the name of the work; a hub that does not answer is not asked again with every pass. */
  readonly #finalizing = new Map<string, Finalizing>();
  /** The uid for which the inventory of a name was made, or went on, while no hub had said that the work waits for us. */
  readonly #unheld = new Map<string, string>();

  constructor(deps: WorkReconcilerDependencies) {
    this.#deps = deps;
  }

  /** The hub has told of the end of a work; before `reconcile` for it. */
  deleted({ metadata: { name = '', uid } }: ManifestWork): void {
    const finalizing = this.#finalizing.get(name);
    if (finalizing !== undefined && finalizing.uid === uid) finalizing.isDeleted = true;
  }

  async reconcile(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const work = this.#deps.source.get(name);
    if (work?.metadata.deletionTimestamp !== undefined) {
      this.#finalizing.delete(name);
      this.#unheld.delete(name);
    } else {
      this.#deps.guard.forget(name); // a hub that was restored takes deletions back
    }
    try {
      if (work === undefined) return await this.#forget(name, signal);
      if (work.metadata.deletionTimestamp !== undefined) return await this.#takeAway(work, signal);
      if (!isPlan(work)) return await this.#apply(work, signal);
      this.#deps.plans.answer(name);
      return await this.#forget(name, signal);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      // Nothing is wrong with the work: it comes again at a steady pace, so that it is there when the server is.
      const requeueAfterMs = unreachableMs * (1 + this.#deps.random());
      this.#deps.env.log.debug('a server cannot be reached', {
        work: name,
        error,
        retryInMs: requeueAfterMs,
      });
      return { requeueAfterMs };
    }
  }

  /**
   * The hub does not have the work, or has it as a plan: again, if it was restored. What it left in the cluster is the
   * eviction's, which asks what it had set.
   */
  async #forget(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const { memory, watches, hubWriter, diagnoses, saved, inventories, trackerOf } = this.#deps;
    const finalizing = this.#finalizing.get(name);
    if (finalizing?.isFirst) {
      const told = await within(finalizing.asked, finalizerPatienceMs, this.#deps.env.clock);
      if (told === undefined) return { requeueAfterMs: unreachableMs };
      const inventory = inventories.get(inventories.nameFor(name));
      // Deleted before it could wait for us, which the hub said only after the first pass.
      if (inventory !== undefined && finalizing.isDeleted && isAbsence(told.value))
        await inventories.remove(inventory, signal);
    }
    this.#finalizing.delete(name);
    this.#unheld.delete(name);
    memory.forget(name);
    diagnoses.forget(name);
    watches.track(trackerOf(name), []);
    hubWriter.forget(name);
    if (inventories.get(inventories.nameFor(name)) === undefined) await saved.remove(name);
    else await saved.retire(name);
    return undefined;
  }

  /** Asks for the deletion of the inventory, which brings everything else about, and releases the work after it. */
  async #takeAway(work: ManifestWork, signal: AbortSignal): Promise<undefined> {
    const { inventories, hubWriter, diagnoses, guard, saved, memory, watches, trackerOf } = this.#deps;
    diagnoses.forget(work.metadata.name ?? '');
    const { name = '', uid = '', finalizers } = work.metadata;
    const inventory = inventories.get(inventories.nameFor(name));
    if (inventory === undefined) {
      memory.forget(name);
      guard.forget(name);
      watches.track(trackerOf(name), []);
      hubWriter.release(work);
      return;
    }
    // Without our finalizer the work is going whatever we do; nothing would be reported to it.
    if (finalizers?.includes(manifestWorkFinalizer)) hubWriter.reportDeleting(work);
    await saved.save(work);
    if (inventory.metadata.deletionTimestamp !== undefined) return;
    const mayGo = guard.mayTakeAway({ name, uid });
    if (mayGo === true) await inventories.remove(inventory, signal);
    if (mayGo === false)
      hubWriter.reportDeleting(work, [`held by its klusterlet, ${guard.reason ?? 'see its cluster'}`]);
  }

  /**
   * The finalizer is on its way while the first objects are written: until the hub has it the inventory, which is there
   * before the first object, is what nothing is left behind without. See docs/architecture.md, "The first moments".
   */
  async #apply(work: ManifestWork, signal: AbortSignal): Promise<ReconcileResult> {
    const { saved } = this.#deps;
    // In the order in which they are waited for: the objects wait for the inventory first, the status for the finalizer.
    const recorded = this.#ensureInventory(work, signal);
    const prepared = saved.save(work).then(({ previous }) => previous);
    const settled = Promise.allSettled([recorded, prepared]);
    const finalizing = this.#finalize(work, signal);
    try {
      const inventory = await recorded;
      // A terminating one must be gone first; its end is told at once.
      if (inventory.metadata.deletionTimestamp !== undefined) return { requeueAfterMs: 1000 };
      return await this.#applyOwned(work, { inventory, prepared, signal }, finalizing);
    } finally {
      await settled; // a save that is still under way must not come after the removal of the file
    }
  }

  /** What cannot be recorded is not applied, and says so on the hub. */
  async #ensureInventory(work: ManifestWork, signal: AbortSignal): Promise<AppliedManifestWork> {
    const { inventories, discovery, hubWriter, env } = this.#deps;
    try {
      return await inventories.ensure(work, { intent: () => planIntent(work, discovery), signal });
    } catch (error) {
      if (!hasReason(error, 'Invalid', 'Forbidden', 'BadRequest')) throw error;
      const problem = `it cannot be recorded in the managed cluster: ${error.message}`;
      const manifests = planManifests(work.spec, discovery).map(({ meta }) => judgeUnplanned(meta, problem));
      hubWriter.report(work, { manifests, observedAtMs: env.clock.now() });
      throw error;
    }
  }

  #finalize(work: ManifestWork, signal: AbortSignal): Finalizing {
    const { source, hubWriter, inventories, env } = this.#deps;
    const { name = '', uid = '' } = work.metadata;
    const sinceMs = env.clock.monotonicMs();
    const underWay = this.#finalizing.get(name);
    if (underWay?.uid === uid) return underWay;
    const unheld = this.#unheld.get(name);
    const isNew = inventories.get(inventories.nameFor(name))?.status === undefined;
    // Or the work before it, of the same name, was gone before it could wait for us, and left all that is there.
    const isFirst = isNew || (unheld !== undefined && unheld !== uid);
    // A saved work got its finalizer when it was first seen; the hub is asked about it when it is there again.
    if (!source.isFromHub(name)) return { uid, isFirst, sinceMs, asked: Promise.resolve(undefined) };
    if (isFirst) this.#unheld.set(name, uid);
    const asked = hubWriter.ensureFinalizer(work, signal).then(
      () => {
        if (this.#unheld.get(name) === uid) this.#unheld.delete(name);
        return undefined;
      },
      (error: unknown) => error,
    );
    const finalizing: Finalizing = { uid, isFirst, sinceMs, asked };
    this.#finalizing.set(name, finalizing);
    void asked.then((obstacle) => {
      if (this.#finalizing.get(name) !== finalizing) return;
      // That there is no such work is for the pass after this one, if it comes too late for this one.
      if (!isFirst || !isAbsence(obstacle)) this.#finalizing.delete(name);
      finalizing.report?.();
    });
    return finalizing;
  }

  async #applyOwned(
    work: ManifestWork,
    pass: Omit<PassInput, 'work'>,
    finalizing: Finalizing,
  ): Promise<ReconcileResult> {
    const { saved, hubWriter, inventories, diagnoses, env, options, random } = this.#deps;
    const { name = '' } = work.metadata;
    const result = await runApplyPass(
      { ...this.#deps, contestedBy: (other, target) => this.contestedBy(other, target) },
      { work, ...pass },
    );
    const observedAtMs = env.clock.now();
    const manifests = diagnoses.refine(name, result.observations);
    // Both writes to the hub are bound to the version that was read: one after the other.
    const report = (): void => hubWriter.report(work, { manifests, observedAtMs });
    const askedMs = env.clock.monotonicMs() - finalizing.sinceMs;
    const told = await within(finalizing.asked, Math.max(0, finalizerPatienceMs - askedMs), env.clock);
    if (told === undefined) finalizing.report = report;
    else report();
    await result.recorded;
    if (result.complete) await saved.settle(name);
    const obstacle = told?.value;
    if (obstacle !== undefined) {
      // Deleted before it could wait for us, or lost by a hub that was restored: the watch will tell.
      if (finalizing.isFirst && !finalizing.isDeleted && isAbsence(obstacle))
        return { requeueAfterMs: unreachableMs };
      this.#finalizing.delete(name);
      // What was there before this pass is left to the eviction.
      if (finalizing.isFirst && isAbsence(obstacle)) await inventories.remove(pass.inventory, pass.signal);
      throw obstacle;
    }
    if (result.failures.length > 0) throw new ManifestsFailedError(result.failures);
    if (told === undefined) return { requeueAfterMs: askedMs + unreachableMs * (1 + random()) };
    const resyncMs = options.resyncMs * (0.8 + 0.4 * random());
    return { requeueAfterMs: Math.min(result.retryAfterMs ?? resyncMs, resyncMs) };
  }

  /**
   * Of several works with the Update strategy for one object, the one whose inventory is oldest has its way, and the
   * name decides among equals: the same answer on every retry, in every order of events.
   */
  contestedBy(work: string, target: Target): string | undefined {
    const { watches, memory, trackerOf, inventories } = this.#deps;
    if (target.settings.strategy.type !== 'Update') return undefined;
    const trackers = watches.trackers(target);
    if (trackers.every((tracker) => tracker === trackerOf(work))) return undefined;
    const mine = seniority(inventories.get(inventories.nameFor(work)), work);
    const prefix = trackerOf('');
    return trackers
      .flatMap((tracker) => (tracker.startsWith(prefix) ? [tracker.slice(prefix.length)] : []))
      .filter((other) => other !== work)
      .filter((other) => memory.of(other).get(target.id)?.target.settings.strategy.type === 'Update')
      .find((other) => seniority(inventories.get(inventories.nameFor(other)), other) < mine);
  }
}

/** Undefined when the time is over first; the promise goes on, and must not reject. */
function within<T>(
  promise: Promise<T>,
  limitMs: number,
  clock: Clock,
): Promise<{ readonly value: T } | undefined> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(limitMs, () => resolve(undefined));
    void promise.then((value) => {
      timer.cancel();
      resolve({ value });
    });
  });
}

/** Sorts as text: RFC 3339 in UTC does. */
function seniority(inventory: AppliedManifestWork | undefined, name: string): string {
  return `${inventory?.metadata.creationTimestamp ?? '~'} ${name}`;
}
