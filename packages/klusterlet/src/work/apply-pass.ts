/**
 * One pass over the manifests of one work: plan, record the intention, apply in order, let go of what the work does
 * not have any more, record the result, observe. It may stop at any point and start again without harm: each step
 * looks at how things are. Called by the reconciler, never twice at a time for one work.
 */
import {
  type AppliedManifestWork,
  findCondition,
  type KubeObject,
  type ManifestWork,
  manifestCondition,
} from '@flotilla/api';
import { type Discovery, type Env, type KubeClient, sleep } from '@flotilla/kube';
import { applyTarget } from './apply/apply-target.js';
import type { CorrectionLimiter } from './apply/correction-limiter.js';
import { accountOf, actingAs } from './apply/executor.js';
import { type Outcome, shrink } from './apply/outcome.js';
import { ownerReferenceTo } from './apply/owner-references.js';
import {
  type AppliedResource,
  afterPass,
  recordedResources,
  resourceId,
  type TargetResult,
  untracked,
  withIntent,
} from './inventory/applied-resources.js';
import type { FieldClaims } from './inventory/field-claims.js';
import type { Inventories } from './inventory/inventories.js';
import { release } from './inventory/release.js';
import type { WorkAgentOptions } from './options.js';
import { forEachLimited } from './parallel.js';
import { hasUnserved, type PlannedManifest, planManifests, type Target } from './planning/plan-manifests.js';
import { groupByRank } from './planning/resource-rank.js';
import { byIdentity, type FormerManifest, manifestId } from './saved-works.js';
import { judgeRest, judgeTarget } from './status/judge-manifest.js';
import { findOldEntry } from './status/manifest-status.js';
import type { ManifestObservation } from './status/observation.js';
import type { ObjectWatches } from './watching/object-watches.js';
import { busyMs, isSameDemand, isUntouched, type ObjectMemory, type WorkMemory } from './work-memory.js';

export interface ApplyPassDependencies {
  readonly env: Pick<Env, 'clock' | 'log'>;
  readonly client: KubeClient;
  readonly discovery: Discovery;
  readonly inventories: Inventories;
  readonly watches: ObjectWatches;
  readonly memory: WorkMemory;
  readonly limiter: CorrectionLimiter;
  readonly options: WorkAgentOptions;
  /** The other work, if any, whose claim to the object comes before this one's. */
  readonly contestedBy: (work: string, target: Target) => string | undefined;
  readonly claims: FieldClaims;
  /** The name under which a work tracks its objects. */
  readonly trackerOf: (work: string) => string;
}

export interface PassInput {
  readonly work: ManifestWork;
  readonly inventory: AppliedManifestWork;
  /** Resolves with earlier manifests that may still be in effect, when the work is saved and may be acted on. */
  readonly prepared: Promise<readonly FormerManifest[]>;
  readonly signal: AbortSignal;
}

export interface PassResult {
  readonly observations: readonly ManifestObservation[];
  /** Why the work must be tried again soon; empty when all is well. */
  readonly failures: readonly string[];
  /** A time to come again that is not a failure's. */
  readonly retryAfterMs: number | undefined;
  /** True when every manifest is in effect, and none that was before. */
  readonly complete: boolean;
  /** Records what was applied. To be awaited, but the status need not wait for it. */
  readonly recorded: Promise<unknown>;
}

/** What the first pass over a work will record before it applies anything; planned anew when that pass begins. */
export function planIntent(work: ManifestWork, discovery: Discovery): readonly AppliedResource[] {
  const planned = planManifests(work.spec, discovery);
  return withIntent(
    [],
    planned.flatMap((item) => (item.type === 'target' ? [item.target] : [])),
  );
}

export async function runApplyPass(
  dependencies: ApplyPassDependencies,
  input: PassInput,
): Promise<PassResult> {
  return new ApplyPass(dependencies, input).run();
}

class ApplyPass {
  readonly #deps: ApplyPassDependencies;
  readonly #input: PassInput;
  readonly #name: string;
  readonly #before: ReadonlyMap<string, ObjectMemory>;
  readonly #after = new Map<string, ObjectMemory>();
  /** Objects of which the inventory had the uid when this pass began. */
  readonly #known: ReadonlySet<string>;
  #inventory: AppliedManifestWork;
  #index: {
    readonly of: AppliedManifestWork | undefined;
    readonly byId: ReadonlyMap<string, AppliedResource>;
  } = { of: undefined, byId: new Map() };
  #planned: readonly PlannedManifest[] = [];
  /** By the identity of the manifest. */
  #previous: ReadonlyMap<string, readonly KubeObject[]> = new Map();
  /** Claims change one list: they take turns. */
  #claims: Promise<void> = Promise.resolve();

  constructor(deps: ApplyPassDependencies, input: PassInput) {
    this.#deps = deps;
    this.#input = input;
    this.#name = input.work.metadata.name ?? '';
    this.#before = deps.memory.of(this.#name);
    this.#inventory = input.inventory;
    this.#known = new Set(
      recordedResources(input.inventory).flatMap((resource) => (resource.uid ? resourceId(resource) : [])),
    );
  }

  async run(): Promise<PassResult> {
    const { discovery, memory } = this.#deps;
    this.#plan();
    if (hasUnserved(this.#planned)) await this.#lookAgain();
    await this.#applyAll();
    if (hasUnserved(this.#planned) && (await this.#awaitDefinitions())) await this.#applyAll();
    memory.set(this.#name, this.#after);
    const pruned = await this.#prune();
    const results = this.#targets().map((target) => this.#resultOf(target));
    const resources = afterPass(this.#recordedResources(), results, pruned.pending);
    const observations = this.#observe();
    this.#track(resources);
    if (hasUnserved(this.#planned)) discovery.invalidate();
    const failed = [...this.#after.values()].flatMap(({ outcome }) => (outcome.ok ? [] : [outcome]));
    const retries = failed.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
    const soon = failed.filter(({ retry }) => retry === 'backoff').map(({ message }) => message);
    const recorded = this.#deps.inventories.record(this.#inventory, resources, this.#input.signal);
    recorded.catch(() => undefined); // told to who awaits it, which may be long after: the status goes first
    return {
      observations,
      failures: [...soon, ...pruned.failures],
      retryAfterMs: pruned.pending.length > 0 ? Math.min(5000, ...retries) : minimum(retries),
      complete: pruned.pending.length === 0 && observations.every(({ applied }) => applied.status === 'True'),
      recorded,
    };
  }

  #plan(): void {
    this.#planned = planManifests(this.#input.work.spec, this.#deps.discovery);
  }

  #targets(): Target[] {
    return this.#planned.flatMap((item) => (item.type === 'target' ? [item.target] : []));
  }

  #recordedResources(): readonly AppliedResource[] {
    return recordedResources(this.#inventory);
  }

  /** Asked for each object: a work may have thousands, and the inventory changes rarely. */
  #recordedAt(id: string): AppliedResource | undefined {
    if (this.#index.of !== this.#inventory) {
      const entries = this.#recordedResources().map((resource) => [resourceId(resource), resource] as const);
      this.#index = { of: this.#inventory, byId: new Map(entries) };
    }
    return this.#index.byId.get(id);
  }

  /** Asks the cluster once more before saying that it does not serve a kind; discovery limits how often. */
  async #lookAgain(): Promise<void> {
    const { discovery } = this.#deps;
    for (const item of this.#planned) {
      if (item.type !== 'failed' || !item.unserved) continue;
      const { group = '', version = '', kind = '' } = item.meta;
      await discovery.lookup({ group, version, kind }, this.#input.signal);
    }
    this.#plan();
  }

  /** Kinds that this very work defines are served a moment after their definition was applied. */
  async #awaitDefinitions(): Promise<boolean> {
    const { discovery, options, env } = this.#deps;
    const defines = this.#targets().some(
      ({ ref, id }) => ref.resource === 'customresourcedefinitions' && this.#wrote(id),
    );
    if (!defines) return false;
    const deadlineMs = env.clock.monotonicMs() + options.definitionWaitMs;
    for (let pauseMs = 10; env.clock.monotonicMs() < deadlineMs; pauseMs *= 2) {
      await sleep(env.clock, Math.min(pauseMs, 250), this.#input.signal);
      await discovery.refresh(this.#input.signal);
      this.#plan();
      if (!hasUnserved(this.#planned)) break;
    }
    return true;
  }

  #wrote(id: string): boolean {
    const outcome = this.#after.get(id)?.outcome;
    return outcome?.ok === true && outcome.wrote;
  }

  /** Applies all targets that this pass has not yet looked at, lowest rank first. */
  async #applyAll(): Promise<void> {
    const { inventories, options } = this.#deps;
    const targets = this.#targets().filter(({ id }) => !this.#after.has(id));
    const intent = withIntent(this.#recordedResources(), targets);
    this.#track(intent);
    this.#inventory = await inventories.record(this.#inventory, intent, this.#input.signal);
    this.#previous = byIdentity(await this.#input.prepared);
    for (const group of groupByRank(targets, ({ ref }) => ref.resource)) {
      await forEachLimited(group, options.manifestConcurrency, (target) => this.#apply(target));
    }
  }

  async #apply(target: Target): Promise<void> {
    const { env, options, watches } = this.#deps;
    const ownerUid = this.#inventory.metadata.uid ?? '';
    const previous = this.#previousOf(target);
    const before = this.#before.get(target.id);
    const isSame = before !== undefined && isSameDemand(before, target, ownerUid);
    const nowMs = env.clock.monotonicMs();
    const isTrusted =
      this.#input.work.spec?.executor === undefined || // permissions may be taken away
      (before !== undefined && nowMs - before.checkedAtMs < options.executorRetryMs);
    const seen = watches.look(target);
    if (isSame && isTrusted && !before.hadPrevious && isUntouched(before, seen)) {
      this.#after.set(target.id, {
        ...before,
        target,
        observation: { ...before.observation, meta: target.meta },
      });
      return;
    }
    const waitMs = isSame ? busyMs(before, nowMs) : 0;
    if (isSame && waitMs > 0) {
      const outcome = { ...before.outcome, retryAfterMs: waitMs };
      this.#after.set(target.id, { ...before, target, outcome, checkedAtMs: nowMs });
      return;
    }
    const outcome = await this.#request(target, { previous, before: isSame ? before : undefined });
    if (typeof outcome.live === 'object') watches.note(target, outcome.live);
    else if (outcome.ok || outcome.live === 'absent') watches.note(target, undefined);
    const rawJson = options.rawFeedbackJson;
    const observation = judgeTarget(target, outcome, { rawJson, maxJsonRawLength: options.maxJsonRawLength });
    this.#after.set(target.id, {
      target,
      ownerUid,
      outcome: shrink(outcome),
      observation,
      checkedAtMs: nowMs,
      hadPrevious: previous.length > 0,
    });
  }

  async #request(
    target: Target,
    {
      previous,
      before,
    }: { readonly previous: readonly KubeObject[]; readonly before: ObjectMemory | undefined },
  ): Promise<Outcome> {
    const { client, watches, limiter, options } = this.#deps;
    const isKnown = this.#known.has(target.id);
    const seen = watches.look(target);
    const limiterId = `${this.#name} ${target.id}`;
    if (before === undefined) limiter.forget(limiterId);
    const isCorrection = before !== undefined && (before.outcome.ok || before.outcome.isLimited === true);
    return applyTarget(this.#isComplete(target) ? asReadOnly(target) : target, {
      client,
      signal: this.#input.signal,
      executor: this.#input.work.spec?.executor,
      executorRetryMs: options.executorRetryMs,
      owner: ownerReferenceTo(this.#inventory),
      previous,
      remembered: before?.outcome.ok ? before.outcome : undefined,
      // A watch may be behind our own write: what the inventory has is looked for first.
      expectAbsent: !isKnown && (seen === undefined || seen === 'unknown'),
      claim: (uid) => this.#claim(target, uid),
      contestedBy: this.#deps.contestedBy(this.#name, target),
      correctionDelayMs: () => (isCorrection ? limiter.admitMs(limiterId) : 0),
    });
  }

  /** What has done its work is not applied again, as in OCM: a job that was cleaned up must not start anew. */
  #isComplete(target: Target): boolean {
    const type = manifestCondition.complete;
    if (!target.settings.conditionRules.some(({ condition }) => condition === type)) return false;
    const rules = this.#before.get(target.id)?.observation.rules;
    if (rules !== undefined) return rules.some((rule) => rule.type === type && rule.status === 'True');
    const entry = findOldEntry(target.meta, this.#input.work.status?.resourceStatus?.manifests ?? []);
    return findCondition(entry?.conditions, type)?.status === 'True';
  }

  /** Turns the inventory's entry of another object of this name back into an intention. */
  #claim(target: Target, uid: string | undefined): Promise<void> {
    const next = this.#claims.then(async () => {
      const stale = this.#recordedAt(target.id);
      if (stale?.uid === undefined || stale.uid === uid) return;
      const { uid: _, ...intent } = stale;
      const resources = this.#recordedResources().map((resource) => (resource === stale ? intent : resource));
      this.#inventory = await this.#deps.inventories.record(this.#inventory, resources, this.#input.signal);
    });
    this.#claims = next.catch(() => undefined); // the caller has the failure; the next claim only waits
    return next;
  }

  #previousOf(target: Target): readonly KubeObject[] {
    return this.#previous.get(manifestId(target.manifest)) ?? [];
  }

  #resultOf(target: Target): TargetResult {
    const outcome = this.#after.get(target.id)?.outcome;
    const live = outcome?.live;
    const uid = typeof live === 'object' ? live.metadata.uid : undefined;
    const absent = live === 'absent' || (outcome?.ok === true && live === undefined);
    return { target, uid, absent, failed: outcome?.ok === false };
  }

  /** Lets go of what the work had and has not any more; one that fails keeps its place in the inventory. */
  async #prune(): Promise<{ pending: AppliedResource[]; failures: string[] }> {
    const { client, discovery, claims, options } = this.#deps;
    const pending: AppliedResource[] = [];
    const failures: string[] = [];
    const uids = this.#targets().flatMap((target) => this.#resultOf(target).uid ?? []);
    const doomed = untracked(this.#recordedResources(), this.#planned);
    const context = {
      client,
      actor: actingAs(client, accountOf(this.#input.work.spec?.executor)),
      discovery,
      claims,
      inventory: this.#inventory,
      keepUids: new Set(uids),
      signal: this.#input.signal,
    };
    for (const group of groupByRank(doomed, ({ resource }) => resource).reverse()) {
      await forEachLimited(group, options.manifestConcurrency, async (resource) => {
        try {
          const { state } = await release(resource, context);
          if (state === 'pending') pending.push(resource);
        } catch (error) {
          this.#input.signal.throwIfAborted();
          pending.push(resource);
          failures.push(error instanceof Error ? error.message : String(error));
        }
      });
    }
    const released = new Set(doomed);
    const held = this.#recordedResources().filter(
      (resource) => !released.has(resource) && !this.#after.has(resourceId(resource)),
    );
    return { pending: [...pending, ...held], failures };
  }

  #observe(): ManifestObservation[] {
    return this.#planned.map((item) =>
      item.type === 'target'
        ? (this.#after.get(item.target.id) as ObjectMemory).observation // every target was applied or judged
        : judgeRest(item, ({ id }) => this.#after.get(id)?.observation),
    );
  }

  /** Watches what is applied, what is going to be, and what is going away. */
  #track(resources: readonly AppliedResource[]): void {
    const { watches, trackerOf, discovery } = this.#deps;
    const tracked = new Map<string, Pick<Target, 'ref' | 'key'>>();
    for (const { id, ref, key } of this.#targets()) tracked.set(id, { ref, key });
    for (const resource of resources) {
      const id = resourceId(resource);
      if (tracked.has(id)) continue;
      const { group = '', version, name, namespace = '' } = resource;
      const ref = discovery
        .served(group)
        .find((each) => each.resource === resource.resource && each.version === version);
      if (ref === undefined) continue;
      const { resource: plural, namespaced } = ref;
      tracked.set(id, {
        ref: { group, version, resource: plural, namespaced },
        key: { name, ...(namespace !== '' && { namespace }) },
      });
    }
    watches.track(trackerOf(this.#name), [...tracked.values()]);
  }
}

function asReadOnly(target: Target): Target {
  return { ...target, settings: { ...target.settings, strategy: { type: 'ReadOnly' } } };
}

function minimum(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.min(...values);
}
