/**
 * The end of an inventory: when it is deleted, everything in it is let go of, later ranks first, and then it goes
 * too; when its work has been missing for the grace period, its deletion is asked for. Only inventories of this agent.
 * Called by the agent's controller with the name of an inventory.
 */
import { type AppliedManifestWork, appliedManifestWorkFinalizer, formatTime } from '@flotilla/api';
import type { Discovery, Env, KubeClient, ReconcileResult } from '@flotilla/kube';
import { actingAs } from '../apply/executor.js';
import type { DeletionGuard } from '../deletion-guard.js';
import type { WorkAgentOptions } from '../options.js';
import { forEachLimited } from '../parallel.js';
import { groupByRank } from '../planning/resource-rank.js';
import type { ObjectWatches, Tracked } from '../watching/object-watches.js';
import { type AppliedResource, recordedExecutor, recordedResources } from './applied-resources.js';
import { planEviction } from './eviction.js';
import type { FieldClaims } from './field-claims.js';
import type { Inventories } from './inventories.js';
import { release } from './release.js';
import { Stopwatch } from './stopwatch.js';

export interface InventoryReconcilerDependencies {
  readonly env: Pick<Env, 'clock' | 'log'>;
  readonly client: KubeClient;
  readonly discovery: Discovery;
  readonly inventories: Inventories;
  readonly watches: ObjectWatches;
  readonly claims: FieldClaims;
  readonly agentId: string;
  readonly guard: Pick<DeletionGuard, 'mayEvict'>;
  readonly options: WorkAgentOptions;
  /** Undefined while the hub has not told all its works: then nothing is missing yet. */
  readonly hasWork: (name: string) => boolean | undefined;
  readonly trackerOf: (inventory: string) => string;
  /** Told after each attempt to empty an inventory: why objects of this work are still there. */
  readonly onHeld: (work: string, reasons: readonly string[]) => void;
}

/** How soon an object that is held by finalizers is looked at again if no watch tells of its end. */
const pendingMs = 5000;
/** How soon an eviction that is held is looked at again; the end of the hold is told at once. */
const heldMs = 60_000;

export class InventoryReconciler {
  readonly #deps: InventoryReconcilerDependencies;
  /** How long works have been missing, and how long inventories have been on their way out. */
  readonly #missing: Stopwatch;
  readonly #going: Stopwatch;

  constructor(deps: InventoryReconcilerDependencies) {
    this.#deps = deps;
    this.#missing = new Stopwatch(deps.env.clock);
    this.#going = new Stopwatch(deps.env.clock);
  }

  async reconcile(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const inventory = this.#deps.inventories.get(name);
    const isGoing = inventory?.metadata.deletionTimestamp !== undefined;
    if (!isGoing) this.#going.stop(name);
    if (isGoing || inventory === undefined) this.#missing.stop(name);
    if (inventory === undefined || inventory.spec?.agentID !== this.#deps.agentId) {
      this.#deps.watches.track(this.#deps.trackerOf(name), []);
      return undefined;
    }
    if (isGoing) return this.#empty(inventory, signal);
    return this.#evict(inventory, signal);
  }

  async #evict(inventory: AppliedManifestWork, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const { env, inventories, options, hasWork, guard } = this.#deps;
    const work = inventory.spec?.manifestWorkName ?? '';
    const isOfThisHub = inventory.metadata.name === inventories.nameFor(work);
    const known = hasWork(work);
    if (known === undefined) return undefined;
    const isMissing = !(known && isOfThisHub);
    if (!isMissing) this.#missing.stop(inventory.metadata.name ?? '');
    const step = planEviction(inventory, {
      hubHash: inventories.hubHash,
      hasWork: known,
      gracePeriodMs: options.evictionGracePeriodMs,
      missingMs: isMissing ? this.#missing.elapsedMs(inventory) : 0,
    });
    switch (step.type) {
      case 'none':
        return undefined;
      case 'clear':
        await inventories.setEvictionStart(inventory, undefined, signal);
        return undefined;
      case 'begin':
        env.log.info('work is missing on the hub, its objects wait for it', {
          inventory: inventory.metadata.name,
          graceMs: step.waitMs,
        });
        await inventories.setEvictionStart(inventory, formatTime(env.clock.now()), signal);
        return { requeueAfterMs: step.waitMs };
      case 'wait':
        return { requeueAfterMs: step.waitMs };
      case 'delete':
        if (isOfThisHub && !guard.mayEvict(work)) return { requeueAfterMs: heldMs };
        env.log.info('work stayed missing on the hub, its objects are deleted', {
          inventory: inventory.metadata.name,
        });
        await inventories.remove(inventory, signal);
        return undefined;
    }
  }

  async #empty(inventory: AppliedManifestWork, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const { inventories, watches, trackerOf } = this.#deps;
    if (!inventory.metadata.finalizers?.includes(appliedManifestWorkFinalizer)) return undefined;
    const tracker = trackerOf(inventory.metadata.name ?? '');
    const { left, failures, reasons } = await this.#release(inventory, signal);
    this.#deps.onHeld(inventory.spec?.manifestWorkName ?? '', reasons);
    watches.track(tracker, this.#toTracked(left));
    const updated = await inventories.record(inventory, left, signal);
    if (failures.length > 0) throw failures[0];
    if (left.length > 0) return { requeueAfterMs: pendingMs };
    await inventories.removeFinalizer(updated, signal);
    return undefined;
  }

  async #release(
    inventory: AppliedManifestWork,
    signal: AbortSignal,
  ): Promise<{ left: AppliedResource[]; failures: unknown[]; reasons: string[] }> {
    const { client, discovery, claims, options } = this.#deps;
    const resources = recordedResources(inventory);
    const left = new Set<AppliedResource>(resources);
    const failures: unknown[] = [];
    const reasons: string[] = [];
    const actor = actingAs(client, recordedExecutor(inventory));
    const isOrdered = this.#going.elapsedMs(inventory) < options.deletionOrderMs;
    for (const group of groupByRank(resources, ({ resource }) => resource).reverse()) {
      await forEachLimited(group, options.manifestConcurrency, async (resource) => {
        try {
          const released = await release(resource, {
            client,
            actor,
            discovery,
            claims,
            inventory,
            keepUids: new Set(),
            signal,
          });
          if (released.state === 'gone') left.delete(resource);
          else reasons.push(released.why);
        } catch (error) {
          signal.throwIfAborted();
          failures.push(error);
          reasons.push(error instanceof Error ? error.message : String(error));
        }
      });
      // What others live in waits for them, but not for ever: a stuck object must not keep the rest.
      if (isOrdered && group.some((resource) => left.has(resource))) break;
    }
    return { left: resources.filter((resource) => left.has(resource)), failures, reasons };
  }

  #toTracked(resources: readonly AppliedResource[]): Tracked[] {
    return resources.flatMap(({ group = '', resource, name, namespace = '' }) => {
      const served = this.#deps.discovery.served(group).find((each) => each.resource === resource);
      if (served === undefined) return [];
      const ref = { group, version: served.version, resource, namespaced: served.namespaced };
      return [{ ref, key: { name, ...(namespace !== '' && { namespace }) } }];
    });
  }
}
