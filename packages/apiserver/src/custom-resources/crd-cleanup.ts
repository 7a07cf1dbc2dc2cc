/**
 * Finishes the deletion of CustomResourceDefinitions: deletes their instances, waits for the instances' own
 * finalizers, then takes its finalizer off the CRD; and lets a CRD that waited for the freed names have them.
 * Level-driven: works from what the cache holds, and tries again after a failure.
 */
import { clone, hasReason, type KubeObject } from '@flotilla/api';
import type { Env, Timer } from '@flotilla/kube';
import { systemUser } from '../authentication/user.js';
import type { ObjectStore } from '../registry/object-store.js';
import type { ResourceDefinition } from '../registry/resource.js';
import { storageRef } from '../registry/versions.js';
import type { WriteRequest } from '../registry/write-request.js';
import { resourcePrefix } from '../storage/keys.js';
import type { CacheWatch } from '../watch-cache/types.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import { updateCrdStatus } from './crd-conditions.js';
import { crdPrefix } from './crd-registrar.js';
import { resourcesOf } from './crd-resources.js';
import { asCrd, type Crd, cleanupFinalizer, conditionIs } from './crd-types.js';

export interface CrdCleanupDependencies {
  readonly cache: WatchCache;
  readonly objects: ObjectStore;
  /** The resource `customresourcedefinitions`. */
  readonly definition: ResourceDefinition;
  readonly env: Pick<Env, 'clock' | 'log'>;
}

/** How often the instances of a CRD that cannot go yet are looked at. */
const recheckMs = 500;
const deleteConcurrency = 32;

export class CrdCleanup {
  readonly #deps: CrdCleanupDependencies;
  readonly #busy = new Set<string>();
  #watch: CacheWatch | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(dependencies: CrdCleanupDependencies) {
    this.#deps = dependencies;
  }

  start(): void {
    const { items, revision } = this.#deps.cache.list(crdPrefix);
    for (const item of items) this.#consider(item.object);
    this.#watch = this.#deps.cache.watch(
      crdPrefix,
      { after: revision },
      {
        onEvents: (events) => {
          for (const { type, object } of events) {
            if (type === 'DELETED') this.#onNamesFreed(object.object);
            else this.#consider(object.object);
          }
          return true;
        },
        onEnd: () => {
          this.#watch = undefined;
        },
      },
    );
    this.#watch.resume();
  }

  close(): void {
    this.#isClosed = true;
    this.#watch?.close();
    this.#timer?.cancel();
  }

  #consider(object: KubeObject): void {
    const { deletionTimestamp, finalizers, name } = object.metadata;
    if (deletionTimestamp === undefined || name === undefined) return;
    if (finalizers?.includes(cleanupFinalizer) !== true) return;
    this.#run(name, () => this.#finish(name));
  }

  /** One piece of work per CRD at a time; failures are logged and tried again by the next look. */
  #run(name: string, work: () => Promise<void>): void {
    if (this.#busy.has(name) || this.#isClosed) return;
    this.#busy.add(name);
    void work()
      .catch((error: unknown) => {
        this.#deps.env.log.warn('custom resource cleanup failed', { crd: name, error: String(error) });
      })
      .finally(() => {
        this.#busy.delete(name);
        this.#scheduleLook();
      });
  }

  #scheduleLook(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = this.#deps.env.clock.setTimer(recheckMs, () => {
      this.#timer = undefined;
      for (const item of this.#deps.cache.list(crdPrefix).items) this.#consider(item.object);
    });
  }

  async #finish(name: string): Promise<void> {
    const { objects, definition, cache } = this.#deps;
    const object = objects.get(definition, { name });
    if (object === undefined) return;
    const [resource] = resourcesOf(asCrd(object), { conversions: new Map(), includeUnserved: true });
    if (resource !== undefined) {
      const prefix = resourcePrefix(storageRef(resource));
      await this.#deleteInstances(resource, prefix);
      if (cache.list(prefix, { limit: 1 }).items.length > 0) return;
    }
    await this.#change(name, undefined, (crd) => {
      crd.metadata.finalizers = (crd.metadata.finalizers ?? []).filter((item) => item !== cleanupFinalizer);
    });
  }

  async #deleteInstances(definition: ResourceDefinition, prefix: string): Promise<void> {
    const pending = this.#deps.cache
      .list(prefix)
      .items.filter((item) => item.object.metadata.deletionTimestamp === undefined);
    for (let start = 0; start < pending.length; start += deleteConcurrency) {
      const batch = pending.slice(start, start + deleteConcurrency).map(async ({ namespace, name }) => {
        const request = {
          ...systemWrite(definition, name),
          namespace: namespace === '' ? undefined : namespace,
          gracePeriodSeconds: undefined,
          propagationPolicy: undefined,
          orphanDependents: undefined,
          uid: undefined,
          resourceVersion: undefined,
        };
        try {
          await this.#deps.objects.delete(request);
        } catch (error) {
          if (!hasReason(error, 'NotFound')) throw error;
        }
      });
      for (const outcome of await Promise.allSettled(batch)) {
        if (outcome.status === 'rejected') throw outcome.reason;
      }
    }
  }

  /** A CRD has gone: others of its group may have wanted its names. */
  #onNamesFreed(gone: KubeObject): void {
    const { group } = asCrd(gone).spec;
    for (const item of this.#deps.cache.list(crdPrefix).items) {
      const crd = asCrd(item.object);
      if (crd.spec.group !== group || !conditionIs(crd, 'NamesAccepted', 'False')) continue;
      this.#run(item.name, () =>
        this.#change(item.name, 'status', (copy) => {
          const others = this.#deps.cache.list(crdPrefix).items.map(({ object }) => asCrd(object));
          updateCrdStatus(copy, others, this.#deps.env.clock.now());
        }),
      );
    }
  }

  async #change(name: string, subresource: string | undefined, edit: (crd: Crd) => void): Promise<void> {
    const request = { ...systemWrite(this.#deps.definition, name), subresource };
    try {
      await this.#deps.objects.update(
        request,
        (old) => {
          if (old === undefined) throw new Error('an update without createMissing was given no object');
          const crd = asCrd(clone(old));
          edit(crd);
          return { object: crd };
        },
        { createMissing: false, isPut: false },
      );
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
}

function systemWrite(definition: ResourceDefinition, name: string): WriteRequest {
  return {
    definition,
    namespace: undefined,
    name,
    subresource: undefined,
    user: systemUser,
    dryRun: false,
    fieldManager: 'apiserver',
    options: {},
    warn: () => undefined,
  };
}
