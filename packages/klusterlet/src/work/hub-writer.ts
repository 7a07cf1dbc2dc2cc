/**
 * Everything that is written to the hub: finalizers and status. It runs beside the enforcement and never holds it up:
 * what there is to say is kept until the hub can be reached, only the latest of it, and compared with what the hub
 * has, so that nothing is sent twice. Called by the reconciler.
 */
import {
  createMergePatch,
  equal,
  hasReason,
  type JsonObject,
  type ManifestWork,
  type ManifestWorkStatus,
  manifestWorkFinalizer,
  StatusError,
} from '@flotilla/api';
import {
  type Backoff,
  type Controller,
  createBackoff,
  createController,
  type Env,
  type KubeClient,
  type ReconcileResult,
  TransportError,
  wellKnown,
} from '@flotilla/kube';
import type { WorkAgentOptions } from './options.js';
import type { WorkObservation } from './status/observation.js';
import { maxReduction, reduceStatus } from './status/reduce-status.js';
import { planDeletingStatus, planWorkStatus } from './status/work-status.js';
import type { WorkSource } from './work-source.js';

export interface HubWriterOptions {
  readonly env: Pick<Env, 'clock' | 'random' | 'log'>;
  readonly hub: KubeClient;
  readonly source: WorkSource;
  readonly options: Pick<WorkAgentOptions, 'hubConcurrency' | 'maxHubRetryMs'>;
}

export interface HubWriter {
  /** Resolves when the work on the hub has our finalizer. @throws when the hub cannot be reached. */
  ensureFinalizer(work: ManifestWork, signal: AbortSignal): Promise<void>;
  /** The latest truth about a work as it was given; sent as soon as possible. */
  report(work: ManifestWork, seen: Pick<WorkObservation, 'manifests' | 'observedAtMs'>): void;
  /** `reasons`: why objects of it are still there, as far as known. */
  reportDeleting(work: ManifestWork, reasons?: readonly string[]): void;
  /** Nothing of the work is left in the cluster: the hub may let it go. */
  release(work: ManifestWork): void;
  /** Looks again, since the hub has shown something of this work: it can be reached. */
  wake(name: string): void;
  forget(name: string): void;
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

/** What is to be told about the work with this uid. */
interface News {
  readonly uid: string;
  readonly observation?: WorkObservation;
  /** What was observed is about. */
  readonly spec?: ManifestWork['spec'];
  readonly deletingSinceMs?: number;
  readonly heldBy?: readonly string[];
  readonly released?: boolean;
}

/** How much of the status of this generation the hub takes, see reduceStatus. */
interface Reduction {
  readonly uid: string;
  readonly generation: number;
  readonly reduction: number;
}

const ref = wellKnown.manifestWorks;
const maxAttempts = 4;

export function createHubWriter(options: HubWriterOptions): HubWriter {
  return new StatusWriter(options);
}

class StatusWriter implements HubWriter {
  readonly #options: HubWriterOptions;
  readonly #news = new Map<string, News>();
  readonly #reductions = new Map<string, Reduction>();
  readonly #controller: Controller;
  readonly #backoff: Backoff;
  /** While the hub is away nobody tries before this time. */
  #retryAtMs = 0;

  constructor(options: HubWriterOptions) {
    this.#options = options;
    const { env } = options;
    const { hubConcurrency, maxHubRetryMs } = options.options;
    this.#backoff = createBackoff({ ...env, initialMs: 200, maxMs: maxHubRetryMs });
    this.#controller = createController({
      name: 'work status',
      env,
      concurrency: hubConcurrency,
      maxDelayMs: 60_000,
      reconcile: (name, { signal }) => this.#reconcile(name, signal),
    });
  }

  start(signal: AbortSignal): void {
    this.#controller.start(signal);
  }

  close(): Promise<void> {
    return this.#controller.close();
  }

  wake(name: string): void {
    this.#retryAtMs = 0;
    this.#controller.enqueue(name);
  }

  forget(name: string): void {
    this.#news.delete(name);
    this.#reductions.delete(name);
  }

  report({ metadata, spec }: ManifestWork, seen: Pick<WorkObservation, 'manifests' | 'observedAtMs'>): void {
    const { name = '', uid = '', generation = 0 } = metadata;
    this.#tell(name, { uid, observation: { uid, generation, ...seen }, ...(spec && { spec }) });
  }

  reportDeleting({ metadata }: ManifestWork, reasons?: readonly string[]): void {
    const { name = '', uid = '' } = metadata;
    const known = this.#news.get(name);
    const before = known?.uid === uid && known.deletingSinceMs !== undefined ? known : undefined;
    const heldBy = reasons ?? before?.heldBy ?? [];
    if (before !== undefined && equal(before.heldBy, heldBy)) return;
    const deletingSinceMs = before?.deletingSinceMs ?? this.#options.env.clock.now();
    this.#tell(name, { uid, deletingSinceMs, heldBy });
  }

  release({ metadata }: ManifestWork): void {
    this.#tell(metadata.name ?? '', { uid: metadata.uid ?? '', released: true });
  }

  #tell(name: string, news: News): void {
    this.#news.set(name, news);
    this.#controller.enqueue(name);
  }

  async ensureFinalizer(work: ManifestWork, signal: AbortSignal): Promise<void> {
    let current = work;
    for (let attempt = 1; ; attempt++) {
      const finalizers = current.metadata.finalizers ?? [];
      if (finalizers.includes(manifestWorkFinalizer)) return;
      try {
        const body = { metadata: { finalizers: [...finalizers, manifestWorkFinalizer] } };
        await this.#patch(current, body, { signal });
        return;
      } catch (error) {
        if (!hasReason(error, 'Conflict') || attempt >= maxAttempts) throw error;
        current = await this.#reread(current, signal);
      }
    }
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const { source, env } = this.#options;
    const work = source.newest(name);
    const news = this.#news.get(name);
    if (work === undefined || news === undefined || !source.isFromHub(name)) return undefined;
    if (news.uid !== work.metadata.uid) return undefined;
    const waitMs = this.#retryAtMs - env.clock.monotonicMs();
    if (waitMs > 0) return { requeueAfterMs: waitMs + env.random.next() * 100 };
    try {
      await this.#send(work, news, signal);
      this.#backoff.reset();
      return undefined;
    } catch (error) {
      if (error instanceof TransportError) return this.#park(error);
      if (hasReason(error, 'NotFound')) return undefined; // gone; the watch tells the rest
      if (!hasReason(error, 'Conflict')) throw error;
      await this.#reread(work, signal);
      // A hub that shows the same version again and refuses it all the same is not asked in a loop.
      if (source.newest(name)?.metadata.resourceVersion === work.metadata.resourceVersion) throw error;
      return { requeueAfterMs: 0 };
    }
  }

  /** One failure is enough to know that the hub is away: all other works wait for the same moment. */
  #park(error: TransportError): ReconcileResult {
    const { clock, log } = this.#options.env;
    const nowMs = clock.monotonicMs();
    if (this.#retryAtMs <= nowMs) {
      const retryInMs = this.#backoff.nextMs();
      this.#retryAtMs = nowMs + retryInMs;
      log.warn('hub cannot be reached, status waits', { error, retryInMs });
    }
    return { requeueAfterMs: this.#retryAtMs - nowMs };
  }

  async #send(work: ManifestWork, news: News, signal: AbortSignal): Promise<void> {
    if (news.released === true) {
      // A hub that was restored has it back from before it was to go: it waits for its klusterlet again.
      if (work.metadata.deletionTimestamp === undefined) return;
      const finalizers = work.metadata.finalizers ?? [];
      const rest = finalizers.filter((finalizer) => finalizer !== manifestWorkFinalizer);
      if (rest.length < finalizers.length) {
        await this.#patch(work, { metadata: { finalizers: rest } }, { signal });
      }
      return;
    }
    const held = await this.#held(work, news, signal);
    await this.#sendStatus(held, planStatus(held, news), signal);
  }

  /** As much of it as the hub takes. */
  async #sendStatus(work: ManifestWork, status: ManifestWorkStatus, signal: AbortSignal): Promise<void> {
    const { env } = this.#options;
    const { name = '', uid = '', generation = 0 } = work.metadata;
    const known = this.#reductions.get(name);
    const isKnown = known?.uid === uid && known.generation === generation;
    for (let reduction = isKnown ? known.reduction : 0; ; reduction++) {
      const reduced = reduceStatus(status, { reduction, atMs: env.clock.now() });
      const patch = createMergePatch(work.status ?? {}, reduced);
      if (Object.keys(patch).length === 0) return;
      try {
        await this.#patch(work, { status: patch }, { signal, subresource: 'status' });
        if (reduction > 0) this.#reductions.set(name, { uid, generation, reduction });
        return;
      } catch (error) {
        if (!isTooLarge(error) || reduction === maxReduction) throw error;
        env.log.warn('the status of a work is too large for the hub', { work: name, error, reduction });
      }
    }
  }

  /** What the hub is told of as applied cannot go from it without us: otherwise its objects would stay. */
  async #held(work: ManifestWork, news: News, signal: AbortSignal): Promise<ManifestWork> {
    if (news.observation === undefined || work.metadata.deletionTimestamp !== undefined) return work;
    await this.ensureFinalizer(work, signal);
    return this.#options.source.newest(work.metadata.name ?? '') ?? work;
  }

  /** Bound to the version that the plan was made from, as OCM's agent does. */
  async #patch(
    work: ManifestWork,
    body: JsonObject,
    options: { readonly signal: AbortSignal; readonly subresource?: string },
  ): Promise<void> {
    const { name = '', namespace = '', uid, resourceVersion } = work.metadata;
    const metadata = { ...(body['metadata'] as JsonObject | undefined), uid, resourceVersion }; // ours, see callers
    const patched = await this.#options.hub.patch<ManifestWork>(
      ref,
      { namespace, name },
      { type: 'merge', body: { ...body, metadata }, ...options },
    );
    this.#options.source.acknowledge(patched, work);
  }

  async #reread(base: ManifestWork, signal: AbortSignal): Promise<ManifestWork> {
    const { name = '', namespace = '', uid } = base.metadata;
    const work = await this.#options.hub.get<ManifestWork>(ref, { namespace, name }, { signal });
    if (work.metadata.uid !== uid) throw new Error(`the work ${name} was deleted and made again`);
    this.#options.source.acknowledge(work, base);
    return work;
  }
}

function planStatus({ status = {}, metadata, spec }: ManifestWork, news: News): ManifestWorkStatus {
  if (news.deletingSinceMs !== undefined) {
    // A hub that was restored has it back from before it was to go.
    if (metadata.deletionTimestamp === undefined) return status;
    return planDeletingStatus(status, { sinceMs: news.deletingSinceMs, heldBy: news.heldBy ?? [] });
  }
  // News of another generation are old: those of this one are on their way. A restored hub counts generations anew.
  const isCurrent = news.observation?.generation === metadata.generation && equal(news.spec, spec);
  return news.observation && isCurrent ? planWorkStatus(status, news.observation) : status;
}

/** By the server's own limit, or, of a kube-apiserver, by etcd's, which it passes on as an error of its own. */
function isTooLarge(error: unknown): boolean {
  if (!(error instanceof StatusError)) return false;
  const isOfEtcd = error.code >= 500 && /request is too large|message larger than max/.test(error.message);
  return error.code === 413 || isOfEtcd;
}
