/**
 * Removes events an hour after they were last written, as etcd's leases do it for a kube-apiserver. Looks through them
 * page by page every few minutes and remembers nothing in between.
 */
import { hasReason, type KubeObject, type ObjectMeta, parseTime } from '@flotilla/api';
import { createController, wellKnown } from '@flotilla/kube';
import type { ControlLoop, ControllerContext } from './control-loop.js';
import { inBatches } from './in-batches.js';

export interface EventExpiryOptions {
  /** Default one hour. */
  readonly keepMs?: number;
  /** Default five minutes. */
  readonly intervalMs?: number;
}

const defaults = Object.freeze({ keepMs: 3_600_000, intervalMs: 300_000 });
const pageSize = 500;

export function createEventExpiry(context: ControllerContext, options: EventExpiryOptions = {}): ControlLoop {
  const { env } = context;
  const { keepMs, intervalMs } = { ...defaults, ...options };
  const controller = createController({
    name: 'event-expiry',
    env,
    maxDelayMs: 60_000,
    reconcile: async (_key, { signal }) => {
      await sweep(context, { beforeMs: env.clock.now() - keepMs, signal });
      return { requeueAfterMs: intervalMs };
    },
  });
  controller.enqueueAfter('events', intervalMs);
  return { informers: [], controllers: [controller] };
}

async function sweep(
  { client }: ControllerContext,
  { beforeMs, signal }: { beforeMs: number; signal: AbortSignal },
): Promise<void> {
  let next: string | undefined;
  do {
    const page = await client.list<KubeObject>(wellKnown.events, {
      metadataOnly: true,
      limit: pageSize,
      signal,
      ...(next !== undefined && { continue: next }),
    });
    const expired = page.items.filter(({ metadata }) => lastWriteMs(metadata) < beforeMs);
    await inBatches(expired, async ({ metadata }) => {
      const { namespace = '', name = '', resourceVersion = '' } = metadata;
      try {
        const preconditions = { resourceVersion };
        await client.delete(wellKnown.events, { namespace, name }, { preconditions, signal });
      } catch (error) {
        // Conflict: it has happened again.
        if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
      }
    });
    next = page.metadata.continue;
  } while (next !== undefined && next !== '');
}

/** Repeated events are updated: each update counts. */
function lastWriteMs({ creationTimestamp, managedFields = [] }: ObjectMeta): number {
  const times = [creationTimestamp, ...managedFields.map(({ time }) => time)];
  return Math.max(...times.map((time) => (time ? parseTime(time) : 0)));
}
