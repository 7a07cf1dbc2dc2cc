/**
 * Keeps a copy of a collection: lists it, watches it, resumes where it was, lists again when the server has forgotten
 * that place, and never gives up. What vanished unseen is reported as deleted. Handlers get each change once, in
 * order; one that throws is logged and hurts no other. Called by controllers and agents.
 */
import { hasReason, type KubeObject, StatusError, type WatchEvent } from '@flotilla/api';
import type { KubeClient, ResourceRef, WatchOptions } from '../client/client.js';
import { TransportError } from '../client/transport.js';
import { type Spawned, spawn } from '../controller/spawn.js';
import { createStopController, onAbort } from '../env/abort.js';
import { type Env, sleep } from '../env/env.js';
import { type Backoff, createBackoff } from '../queue/backoff.js';
import { endsInitialEvents, listAll, refusesInitialEvents, resourceVersionOf } from './initial-state.js';
import { type InformerCache, ObjectCache } from './object-cache.js';
import { keyOf } from './object-key.js';

export interface Change<T> {
  readonly type: 'added' | 'updated' | 'deleted';
  /** The new state; the last known one when deleted. */
  readonly object: T;
  /** What an update replaced. */
  readonly old?: T;
  /** Of a deletion: the server has told of it. Absent: a list did not show the object any more, for whatever reason. */
  readonly isTold?: true;
}

export type ChangeHandler<T> = (change: Change<T>) => void;

export interface InformerOptions<T> {
  readonly env: Pick<Env, 'clock' | 'random' | 'log'>;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** PartialObjectMetadata instead of whole objects. */
  readonly metadataOnly?: boolean;
  /** Shrinks an object before it is kept; may change its argument. It must leave name, namespace, uid and version. */
  readonly transform?: (object: T) => T;
  /**
   * Which objects to keep; default all. The others cost no memory and are not told of. Asked for each object that the
   * server shows: one that is wanted later is known with its next change, or when it is taught.
   */
  readonly keep?: (object: T) => boolean;
  /** Ask for the initial state through the watch; falls back to lists where refused. Default false. */
  readonly sendInitialEvents?: boolean;
  /** Default 500, as client-go. */
  readonly pageSize?: number;
  /** Default 300; each watch ends after this to twice this time, so that servers can shed load. */
  readonly watchTimeoutSeconds?: number;
  /** Told of each list or watch that failed, before it is tried again; not of one that merely expired. */
  readonly onFailure?: (error: unknown) => void;
  /** Backoff; default 800 to 30,000. */
  readonly minBackoffMs?: number;
  readonly maxBackoffMs?: number;
}

export interface Informer<T> {
  readonly ref: ResourceRef;
  readonly cache: InformerCache<T>;
  /** True once the cache has held the whole collection. */
  readonly isSynced: boolean;
  readonly lastSyncResourceVersion: string | undefined;
  /**
   * Calls the handler for each change from now on, and for the objects already there as `added`.
   * Handlers run synchronously and must be quick: they enqueue keys. Returns the way to unsubscribe.
   */
  onChange(handler: ChangeHandler<T>): () => void;
  /**
   * Takes in an object that was read elsewhere, transformed, as if it had always been known; nobody is told. For one
   * that `keep` has only lately said yes to, and of which no change has been told since. Ignored when it is known.
   */
  teach(object: T): void;
  /** Forgets an object that `keep` says yes to no longer; nobody is told. */
  drop(key: string): void;
  /** Resolves when synced; rejects with the signal's reason, or when the informer is closed first. */
  synced(signal?: AbortSignal): Promise<void>;
  start(signal?: AbortSignal): void;
  /** Stops; resolves when the watch is closed. The cache stays as it was. */
  close(): Promise<void>;
}

/** Does nothing before `start`. */
export function createInformer<T extends KubeObject = KubeObject>(
  client: KubeClient,
  ref: ResourceRef,
  options: InformerOptions<T>,
): Informer<T> {
  return new ResourceInformer(client, ref, options);
}

/** A `transform` that drops what is large and used by servers only. */
export function dropManagedFields<T extends KubeObject>(object: T): T {
  delete object.metadata.managedFields;
  return object;
}

/** A watch that ends sooner without an event counts as a failure, so that a broken server is not asked in a loop. */
const shortestWatchMs = 1000;
/** How long after its own timeout a watch may go on before we end it: the server or the network is stuck. */
const watchGraceMs = 30_000;

class ResourceInformer<T extends KubeObject> implements Informer<T> {
  readonly ref: ResourceRef;
  readonly #client: KubeClient;
  readonly #options: InformerOptions<T>;
  readonly #transform: (object: T) => T;
  readonly #cache = new ObjectCache<T>();
  readonly #handlers = new Set<ChangeHandler<T>>();
  readonly #stop = createStopController();
  readonly #backoff: Backoff;
  readonly #waiters = new Set<() => void>();
  #task: Spawned | undefined;
  #unlisten = (): void => undefined;
  #synced = false;
  #version: string | undefined;
  /** Where the next watch resumes; undefined: list first. */
  #resumeAt: string | undefined;
  /** The last place was lost, and no watch has come off since then. */
  #isLost = false;
  #initialEvents: boolean;

  constructor(client: KubeClient, ref: ResourceRef, options: InformerOptions<T>) {
    this.ref = ref;
    this.#client = client;
    this.#options = options;
    this.#transform = options.transform ?? ((object) => object);
    this.#initialEvents = options.sendInitialEvents ?? false;
    this.#backoff = createBackoff({
      clock: options.env.clock,
      random: options.env.random,
      initialMs: options.minBackoffMs ?? 800,
      maxMs: options.maxBackoffMs ?? 30_000,
    });
  }

  get cache(): InformerCache<T> {
    return this.#cache;
  }

  get isSynced(): boolean {
    return this.#synced;
  }

  get lastSyncResourceVersion(): string | undefined {
    return this.#version;
  }

  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#cache.list()) this.#tell(handler, { type: 'added', object });
    return () => this.#handlers.delete(handler);
  }

  teach(object: T): void {
    if (this.#cache.get(keyOf(object)) === undefined) this.#cache.set(object);
  }

  drop(key: string): void {
    this.#cache.delete(key);
  }

  synced(signal?: AbortSignal): Promise<void> {
    if (this.#synced) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#waiters.delete(settle);
        signal?.removeEventListener('abort', settle);
        if (this.#synced) resolve();
        else reject(signal?.aborted ? signal.reason : this.#stop.signal.reason);
      };
      this.#waiters.add(settle);
      signal?.addEventListener('abort', settle, { once: true });
      if (signal?.aborted || this.#stop.signal.aborted) settle();
    });
  }

  start(signal?: AbortSignal): void {
    if (this.#task) throw new Error(`the informer of ${this.ref.resource} was started twice`);
    this.#unlisten = onAbort(signal, () => this.#halt());
    const { log } = this.#options.env;
    this.#task = spawn(`${this.ref.resource} informer`, () => this.#run(), {
      log,
      signal: this.#stop.signal,
    });
  }

  async close(): Promise<void> {
    this.#halt();
    await this.#task?.done;
  }

  #halt(): void {
    this.#unlisten();
    this.#stop.abort(new Error(`the informer of ${this.ref.resource} was stopped`));
    for (const wake of [...this.#waiters]) wake();
  }

  async #run(): Promise<void> {
    const { clock } = this.#options.env;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let pauseMs = 0;
      try {
        pauseMs = await this.#listAndWatch();
      } catch (error) {
        if (signal.aborted) return;
        pauseMs = this.#planRetry(error);
      }
      if (pauseMs > 0) await sleep(clock, pauseMs, signal);
    }
  }

  /** One round; returns how long to wait before the next. */
  async #listAndWatch(): Promise<number> {
    const { clock } = this.#options.env;
    if (this.#resumeAt === undefined && !this.#initialEvents) await this.#list();
    const startMs = clock.monotonicMs();
    const events = await this.#watch();
    const wasShort = events === 0 && clock.monotonicMs() - startMs < shortestWatchMs;
    if (!wasShort) this.#isLost = false;
    return wasShort ? this.#backoff.nextMs() : 0;
  }

  async #list(): Promise<void> {
    const state = await listAll<T>(this.#client, this.ref, {
      ...this.#selection(),
      signal: this.#stop.signal,
      pageSize: this.#options.pageSize ?? 500,
      transform: this.#transform,
      ...(this.#options.keep && { keep: this.#options.keep }),
    });
    this.#replace(state.objects, state.resourceVersion);
  }

  #selection(): Pick<WatchOptions, 'namespace' | 'labelSelector' | 'fieldSelector' | 'metadataOnly'> {
    const { namespace, labelSelector, fieldSelector, metadataOnly } = this.#options;
    return {
      ...(namespace !== undefined && { namespace }),
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
      ...(metadataOnly !== undefined && { metadataOnly }),
    };
  }

  /** Watches until the stream ends; returns the number of events. */
  async #watch(): Promise<number> {
    const { clock, random } = this.#options.env;
    const timeoutSeconds = Math.round((this.#options.watchTimeoutSeconds ?? 300) * (1 + random.next()));
    const abort = new AbortController();
    const unlisten = onAbort(this.#stop.signal, () => abort.abort(this.#stop.signal.reason));
    const deadline = clock.setTimer(timeoutSeconds * 1000 + watchGraceMs, () => {
      abort.abort(
        new TransportError('timeout', `the watch of ${this.ref.resource} did not end when it should`),
      );
    });
    let initial: Map<string, T> | undefined = this.#resumeAt === undefined ? new Map() : undefined;
    let events = 0;
    try {
      const stream = this.#client.watch<T>(this.ref, {
        ...this.#selection(),
        ...(this.#resumeAt === undefined ? { sendInitialEvents: true } : { resourceVersion: this.#resumeAt }),
        timeoutSeconds,
        signal: abort.signal,
      });
      for await (const event of stream) {
        if (events++ === 0) {
          this.#backoff.reset();
          this.#isLost = false;
        }
        initial = initial === undefined ? this.#apply(event) : this.#collect(initial, event);
      }
    } finally {
      deadline.cancel();
      unlisten();
    }
    return events;
  }

  /** An event before the initial state is whole; returns what is collected, nothing more when it is. */
  #collect(initial: Map<string, T>, event: WatchEvent<T>): Map<string, T> | undefined {
    if (event.type === 'BOOKMARK') {
      if (!endsInitialEvents(event)) return initial;
      this.#replace([...initial.values()], resourceVersionOf(event.object));
      return undefined;
    }
    if (event.type === 'DELETED') initial.delete(keyOf(event.object));
    else if (this.#isKept(event.object)) initial.set(keyOf(event.object), this.#transform(event.object));
    return initial;
  }

  #apply(event: WatchEvent<T>): undefined {
    const version = resourceVersionOf(event.object);
    if (event.type !== 'BOOKMARK' && this.#isKept(event.object)) {
      if (event.type === 'DELETED') this.#remove(keyOf(event.object), this.#transform(event.object));
      else this.#store(this.#transform(event.object));
    }
    this.#resumeAt = version;
    this.#version = version;
  }

  #isKept(object: T): boolean {
    return this.#options.keep?.(object) ?? true;
  }

  #replace(objects: readonly T[], version: string): void {
    const listed = new Set<string>();
    for (const object of objects) listed.add(keyOf(object));
    for (const key of this.#cache.keys()) if (!listed.has(key)) this.#remove(key, undefined);
    for (const object of objects) this.#store(object);
    this.#resumeAt = version;
    this.#version = version;
    this.#synced = true;
    for (const wake of [...this.#waiters]) wake();
  }

  #store(object: T): void {
    const old = this.#cache.get(keyOf(object));
    if (old !== undefined && old.metadata.uid !== object.metadata.uid) {
      this.#remove(keyOf(old), undefined); // deleted and made again while we did not look
      this.#store(object);
      return;
    }
    if (old?.metadata.resourceVersion !== undefined && isSameVersion(old, object)) return;
    this.#cache.set(object);
    this.#tellAll(old === undefined ? { type: 'added', object } : { type: 'updated', object, old });
  }

  #remove(key: string, last: T | undefined): void {
    const old = this.#cache.delete(key);
    // The end of one that is wanted, but was never shown, is news to who has read it elsewhere.
    const object = last !== undefined && this.#options.keep !== undefined ? last : old && (last ?? old);
    if (object !== undefined) this.#tellAll({ type: 'deleted', object, ...(last && { isTold: true }) });
  }

  #tellAll(change: Change<T>): void {
    for (const handler of this.#handlers) this.#tell(handler, change);
  }

  #tell(handler: ChangeHandler<T>, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      const key = keyOf(change.object);
      this.#options.env.log.error('informer handler failed', { resource: this.ref.resource, key, error });
    }
  }

  /** Decides what follows a failure, and logs that decision once. */
  #planRetry(error: unknown): number {
    const { log } = this.#options.env;
    const resource = this.ref.resource;
    if (this.#initialEvents && this.#resumeAt === undefined && refusesInitialEvents(error)) {
      this.#initialEvents = false;
      log.info('server sends no initial events, listing instead', { resource });
      return 0;
    }
    const delayMs = this.#backoff.nextMs();
    if (hasReason(error, 'Expired', 'Gone')) {
      // Who fell behind lists at once; a server that forgets every place at once is not to be asked in a loop.
      const lostPlace = this.#resumeAt !== undefined && !this.#isLost;
      this.#isLost = true;
      this.#resumeAt = undefined;
      log.debug('watch expired, listing again', { resource, error });
      return lostPlace ? 0 : delayMs;
    }
    if (!keepsPlace(error)) this.#resumeAt = undefined;
    const retryInMs = Math.max(delayMs, retryAfterMs(error));
    this.#options.onFailure?.(error);
    log.warn('list or watch failed', { resource, error, retryInMs, relist: this.#resumeAt === undefined });
    return retryInMs;
  }
}

function isSameVersion(a: KubeObject, b: KubeObject): boolean {
  return a.metadata.resourceVersion === b.metadata.resourceVersion;
}

/** Failures of the way to the server, or of a busy one, say nothing about our place in its events. */
function keepsPlace(error: unknown): boolean {
  if (error instanceof TransportError) return true;
  return error instanceof StatusError && (error.code === 429 || error.code === 503 || error.code === 504);
}

/** What the server asked for, within reason. */
function retryAfterMs(error: unknown): number {
  const seconds = error instanceof StatusError ? (error.status.details?.retryAfterSeconds ?? 0) : 0;
  return Math.min(Math.max(seconds, 0), 60) * 1000;
}
