/**
 * What a server serves, kept fresh: read at the start, every half minute, and soon after someone asked for a kind
 * that is not known. Answers come from memory. A group that cannot be read now keeps what was known of it.
 * Called by whoever handles kinds that are only known at run time.
 */
import { equal } from '@flotilla/api';
import type { KubeClient, ResourceRef } from '../client/client.js';
import { type Spawned, spawn } from '../controller/spawn.js';
import { createStopController, onAbort, untilAborted } from '../env/abort.js';
import type { Env, Timer } from '../env/env.js';
import type { DiscoveredVersion, ServedResource } from './documents.js';
import { type DiscoveryRoot, fetchRoot } from './fetch-discovery.js';

export interface DiscoveryOptions {
  readonly env: Pick<Env, 'clock' | 'log'>;
  /** Default 30,000. */
  readonly refreshIntervalMs?: number;
  /** Default 300,000: for servers without aggregated discovery, where it costs a request for each group. */
  readonly legacyRefreshIntervalMs?: number;
  /** Default 3,000: unknown kinds lead to no more than one request in this time. */
  readonly minRefreshIntervalMs?: number;
}

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface Discovery {
  /** Whether anything was read yet. */
  readonly isReady: boolean;
  /** All versions and resources of a kind, the preferred version first. An unknown kind leads to a refresh soon. */
  find(kind: { readonly group: string; readonly kind: string }): readonly ServedResource[];
  /** The resource of a kind, if served. An unknown one leads to a refresh soon. */
  resolve(kind: GroupVersionKind): ServedResource | undefined;
  /** As resolve, but an unknown kind is looked up first, as far as the refresh limit allows. */
  lookup(kind: GroupVersionKind, signal?: AbortSignal): Promise<ServedResource | undefined>;
  /** All resources of a group in all versions. */
  served(group: string): readonly ServedResource[];
  /** All resources, groups in the server's order. */
  all(): readonly ServedResource[];
  /** Why group versions could not be read last time, by `group/version`. */
  failures(): ReadonlyMap<string, string>;
  /** Reads now; calls at the same time share one reading. Rejects when the server cannot be asked. */
  refresh(signal?: AbortSignal): Promise<void>;
  /** What is known may be out of date, a CRD having changed: the next refresh comes as soon as allowed. */
  invalidate(): void;
  /** Called after each refresh that changed something. Returns the way to unsubscribe. */
  onChange(fn: () => void): () => void;
  /** Keeps it fresh until the signal aborts or `close` is called. */
  start(signal?: AbortSignal): void;
  close(): Promise<void>;
}

/** Reads nothing before `start` or `refresh`. */
export function createDiscovery(client: KubeClient, options: DiscoveryOptions): Discovery {
  return new CachedDiscovery(client, options);
}

class CachedDiscovery implements Discovery {
  readonly #client: KubeClient;
  readonly #options: DiscoveryOptions;
  readonly #stop = createStopController();
  readonly #listeners = new Set<() => void>();
  readonly #tasks = new Set<Spawned>();
  readonly #roots = new Map<'/api' | '/apis', DiscoveryRoot>();
  #versions: readonly DiscoveredVersion[] = [];
  #byKind: ReadonlyMap<string, readonly ServedResource[]> = new Map();
  #failures: ReadonlyMap<string, string> = new Map();
  #isReady = false;
  #running: Promise<void> | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;
  #started = false;
  #timer: Timer | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #unlisten = (): void => undefined;

  constructor(client: KubeClient, options: DiscoveryOptions) {
    this.#client = client;
    this.#options = options;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  find({ group, kind }: { readonly group: string; readonly kind: string }): readonly ServedResource[] {
    const found = this.#byKind.get(kindKey(group, kind));
    if (found === undefined) this.invalidate();
    return found ?? [];
  }

  resolve({ group, version, kind }: GroupVersionKind): ServedResource | undefined {
    const found = this.find({ group, kind }).find((resource) => resource.version === version);
    if (found === undefined) this.invalidate();
    return found;
  }

  async lookup(kind: GroupVersionKind, signal?: AbortSignal): Promise<ServedResource | undefined> {
    const known = this.resolve(kind);
    if (known !== undefined) return known;
    const { minRefreshIntervalMs = 3000, env } = this.#options;
    const isRecent = env.clock.monotonicMs() - this.#lastMs < minRefreshIntervalMs;
    if (isRecent && this.#running === undefined) return undefined;
    await this.refresh(signal);
    return this.resolve(kind);
  }

  served(group: string): readonly ServedResource[] {
    return this.all().filter((resource) => resource.group === group);
  }

  all(): readonly ServedResource[] {
    return this.#versions.flatMap((version) => version.resources ?? []);
  }

  failures(): ReadonlyMap<string, string> {
    return this.#failures;
  }

  async refresh(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#running ??= this.#read().finally(() => {
      this.#running = undefined;
    });
    await (signal === undefined ? this.#running : untilAborted(this.#running, signal));
  }

  invalidate(): void {
    const { minRefreshIntervalMs = 3000, env } = this.#options;
    this.#refreshAt(Math.max(env.clock.monotonicMs(), this.#lastMs + minRefreshIntervalMs));
  }

  onChange(fn: () => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  start(signal?: AbortSignal): void {
    this.#started = true;
    this.#unlisten = onAbort(signal, () => this.#halt());
    this.#refreshAt(this.#options.env.clock.monotonicMs());
  }

  async close(): Promise<void> {
    this.#halt();
    await Promise.all([...this.#tasks].map((task) => task.done));
  }

  #halt(): void {
    this.#unlisten();
    this.#stop.abort(new Error('discovery was stopped'));
    this.#timer?.cancel();
  }

  /** Plans the next refresh, unless an earlier one is planned. */
  #refreshAt(dueMs: number): void {
    if (!this.#started || this.#stop.signal.aborted || this.#timerDueMs <= dueMs) return;
    const { clock, log } = this.#options.env;
    this.#timer?.cancel();
    this.#timerDueMs = dueMs;
    this.#timer = clock.setTimer(dueMs - clock.monotonicMs(), () => {
      this.#timerDueMs = Number.POSITIVE_INFINITY;
      const task = spawn('discovery refresh', () => this.#refreshAndPlan(), {
        log,
        signal: this.#stop.signal,
      });
      this.#tasks.add(task);
      void task.done.then(() => this.#tasks.delete(task));
    });
  }

  async #refreshAndPlan(): Promise<void> {
    const { env, refreshIntervalMs = 30_000, legacyRefreshIntervalMs = 300_000 } = this.#options;
    const { minRefreshIntervalMs = 3000 } = this.#options;
    try {
      await this.refresh();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      // A server that is away may be on its way to another version: what it serves then is wanted soon.
      env.log.debug('discovery failed', { error, retryInMs: minRefreshIntervalMs });
      this.#refreshAt(env.clock.monotonicMs() + minRefreshIntervalMs);
      return;
    }
    const isLegacy = [...this.#roots.values()].some((root) => !root.aggregated);
    this.#refreshAt(env.clock.monotonicMs() + (isLegacy ? legacyRefreshIntervalMs : refreshIntervalMs));
  }

  async #read(): Promise<void> {
    this.#lastMs = this.#options.env.clock.monotonicMs();
    const [core, groups] = await Promise.all([this.#readRoot('/api'), this.#readRoot('/apis')]);
    const wasReady = this.#isReady;
    this.#isReady = true;
    this.#failures = new Map([...core.failures, ...groups.failures]);
    const versions = keepKnown([...core.versions, ...groups.versions], this.#versions);
    if (wasReady && equal(versions, this.#versions)) return;
    this.#versions = versions;
    this.#byKind = indexByKind(versions);
    for (const fn of [...this.#listeners]) this.#tell(fn);
  }

  async #readRoot(path: '/api' | '/apis'): Promise<DiscoveryRoot> {
    const previous = this.#roots.get(path);
    const root = await fetchRoot(this.#client.transport, path, {
      signal: this.#stop.signal,
      ...(previous && { previous }),
    });
    this.#roots.set(path, root);
    return root;
  }

  #tell(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      this.#options.env.log.error('discovery handler failed', { error });
    }
  }
}

/** A version that could not be read now keeps the resources it had. */
function keepKnown(
  versions: readonly DiscoveredVersion[],
  before: readonly DiscoveredVersion[],
): readonly DiscoveredVersion[] {
  return versions.map((now) => {
    if (now.resources !== undefined) return now;
    const then = before.find(({ group, version }) => group === now.group && version === now.version);
    return then ?? now;
  });
}

function indexByKind(versions: readonly DiscoveredVersion[]): ReadonlyMap<string, readonly ServedResource[]> {
  const index = new Map<string, ServedResource[]>();
  for (const { resources } of versions) {
    for (const resource of resources ?? []) {
      const key = kindKey(resource.group, resource.kind);
      const found = index.get(key) ?? [];
      found.push(resource);
      index.set(key, found);
    }
  }
  for (const found of index.values()) found.sort((a, b) => Number(b.preferred) - Number(a.preferred));
  return index;
}

function kindKey(group: string, kind: string): string {
  return `${group}/${kind}`;
}

/** Only the parts that locate a resource. */
export function toRef({ group, version, resource, namespaced }: ResourceRef): ResourceRef {
  return { group, version, resource, namespaced };
}
