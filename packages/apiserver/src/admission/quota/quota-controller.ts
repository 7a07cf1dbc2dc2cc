/**
 * Keeps `status` of ResourceQuotas true: measured anew when a quota changes, when something that it counts goes or
 * changes, and every few minutes. A control loop that writes through an ordinary client and looks at the server's cache,
 * as nothing else shows it all objects. k8s pkg/controller/resourcequota.
 */
import { equal, hasReason, type KubeObject } from '@flotilla/api';
import { createController, createInformer, type Informer, keyOf, onAbort } from '@flotilla/kube';
import type { ObjectReader } from '../../authentication/object-reader.js';
import { at } from '../../builtin/access.js';
import type { ControlLoop, ControllerContext } from '../../controllers/control-loop.js';
import { excess, readAmounts, writeAmounts } from './amounts.js';
import { measureUsage, storedResources } from './measure.js';
import { type PendingUsage, pendingMs } from './pending-usage.js';
import { resourceQuotas } from './quota-plugin.js';
import { countedResources } from './usage.js';

export interface QuotaLoopContext extends ControllerContext {
  readonly reader: ObjectReader;
  readonly pending: PendingUsage;
  /** Other servers let writes through, too, whose objects may still be on their way. */
  readonly isShared: boolean;
  readonly signal: AbortSignal;
}

const resyncMs = 5 * 60_000;
/** Many objects go at once: one look at the namespace serves them all. */
const settleMs = 20;
/** By then what another server has noted is stored, or never will be. */
const secondLookMs = 1000;

/** None where the server has no quotas. */
export function createQuotaLoops(context: QuotaLoopContext): readonly ControlLoop[] {
  const { group, version, resource } = resourceQuotas;
  return context.registry.find(group, version, resource) === undefined ? [] : [createLoop(context)];
}

function createLoop(context: QuotaLoopContext): ControlLoop {
  const { client, env } = context;
  const informer = createInformer<KubeObject>(client, resourceQuotas, { env });
  const corrector = new Corrector(context);
  const controller = createController({
    name: 'resourcequota',
    env,
    concurrency: 4,
    maxDelayMs: 60_000,
    reconcile: async (key, { signal }) => {
      const quota = informer.cache.get(key);
      if (quota === undefined) {
        corrector.forget(key);
        return;
      }
      try {
        const isDone = await context.pending.exclusively(quota.metadata.namespace ?? '', () =>
          corrector.bringUpToDate(quota, signal),
        );
        if (!isDone) return { requeueAfterMs: secondLookMs };
      } catch (error) {
        // Admission has noted something meanwhile: that is measured, too.
        if (hasReason(error, 'Conflict')) return { requeueAfterMs: settleMs };
        if (!hasReason(error, 'NotFound')) throw error;
      }
      // What was let through and never stored is found out only then.
      const isSettled = context.pending.list(quota.metadata.namespace ?? '', context.reader).length === 0;
      return { requeueAfterMs: isSettled ? resyncMs : pendingMs };
    },
  });
  const watched = new WatchedResources(context, informer, (quota) =>
    controller.enqueueAfter(keyOf(quota), settleMs),
  );
  informer.onChange(({ object }) => {
    controller.enqueue(keyOf(object));
    watched.follow();
  });
  const unlisten = context.registry.onChange(() => watched.follow());
  onAbort(context.signal, () => {
    unlisten();
    watched.close();
  });
  return { informers: [informer], controllers: [controller] };
}

class Corrector {
  readonly #context: QuotaLoopContext;
  /** Quotas that claimed too much, with the version in which they did. */
  readonly #doubted = new Map<string, string>();

  constructor(context: QuotaLoopContext) {
    this.#context = context;
  }

  forget(key: string): void {
    this.#doubted.delete(key);
  }

  /** False: to be looked at again, because another server may have noted what is not stored yet. */
  async bringUpToDate(seen: KubeObject, signal: AbortSignal): Promise<boolean> {
    const { client, isShared } = this.#context;
    const { namespace = '', name = '' } = seen.metadata;
    const quota = await client.get<KubeObject>(resourceQuotas, { namespace, name }, { signal });
    const key = keyOf(quota);
    const hard = readAmounts(at(quota, 'spec', 'hard'));
    const used = measureUsage(quota, hard, this.#context);
    const status = { hard: writeAmounts(hard), used: writeAmounts(used) };
    const { resourceVersion = '' } = quota.metadata;
    const claimsTooMuch = excess(readAmounts(at(quota, 'status', 'used')), used).size > 0;
    if (isShared && claimsTooMuch && this.#doubted.get(key) !== resourceVersion) {
      this.#doubted.set(key, resourceVersion);
      return false;
    }
    this.#doubted.delete(key);
    if (!equal(status, quota['status'])) {
      await client.update(resourceQuotas, { ...quota, status }, { subresource: 'status', signal });
    }
    return true;
  }
}

/** Listens to the resources that any quota counts, and to no others. */
class WatchedResources {
  readonly #context: QuotaLoopContext;
  readonly #quotas: Informer<KubeObject>;
  readonly #enqueue: (quota: KubeObject) => void;
  readonly #stops = new Map<string, () => void>();
  #isClosed = false;

  constructor(context: QuotaLoopContext, quotas: Informer<KubeObject>, enqueue: (quota: KubeObject) => void) {
    this.#context = context;
    this.#quotas = quotas;
    this.#enqueue = enqueue;
  }

  follow(): void {
    if (this.#isClosed) return;
    const quotas = this.#quotas.cache.list();
    const names = new Set(quotas.flatMap((quota) => [...readAmounts(at(quota, 'spec', 'hard')).keys()]));
    const wanted = new Map(
      countedResources(names, storedResources(this.#context.registry)).map((counted) => [
        `${counted.group}/${counted.resource}`,
        counted,
      ]),
    );
    for (const [key, stop] of this.#stops) {
      if (wanted.has(key)) continue;
      stop();
      this.#stops.delete(key);
    }
    for (const [key, { group, resource }] of wanted) {
      if (this.#stops.has(key)) continue;
      const stop = this.#context.reader.onChange(group, resource, ({ type, object }) => {
        this.#context.pending.settle(object);
        // Growth is noted at admission; what goes, ends or shrinks is found here.
        if (type !== 'ADDED') this.#enqueueAll(object.metadata.namespace);
      });
      this.#stops.set(key, stop);
    }
  }

  #enqueueAll(namespace: string | undefined): void {
    for (const quota of this.#quotas.cache.list()) {
      if (quota.metadata.namespace === namespace) this.#enqueue(quota);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const stop of this.#stops.values()) stop();
    this.#stops.clear();
  }
}
