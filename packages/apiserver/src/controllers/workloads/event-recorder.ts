/**
 * Events as kubelet, scheduler and controllers write them, so that `kubectl describe` tells why something fails. The
 * same event of the same object again counts up instead of making a new one. An event that cannot be written is lost,
 * as in a real cluster: nothing depends on it.
 */
import { createHash } from 'node:crypto';
import { formatTime, hasReason, type KubeObject } from '@flotilla/api';
import { type KubeClient, wellKnown } from '@flotilla/kube';
import { numberAt } from '../../builtin/access.js';
import type { LifeEvent } from './container-life.js';
import type { SimulatedCluster } from './simulated-cluster.js';

export type Component =
  | 'kubelet'
  | 'default-scheduler'
  | 'job-controller'
  | 'node-controller'
  | 'persistentvolume-controller'
  | 'service-controller'
  | 'taint-eviction-controller';

/** Records the events one after another. */
export async function recordEvents(
  cluster: SimulatedCluster,
  object: KubeObject,
  { events, component }: { events: readonly LifeEvent[]; component: Component },
): Promise<void> {
  for (const event of events) {
    try {
      await record(cluster.client, object, { ...event, component, time: formatTime(cluster.nowMs) });
    } catch (error) {
      if (!hasReason(error, 'NotFound', 'Forbidden', 'Conflict')) throw error; // the namespace is going, or it was swept
    }
  }
}

interface Occurrence extends LifeEvent {
  readonly component: Component;
  readonly time: string;
}

async function record(client: KubeClient, object: KubeObject, event: Occurrence): Promise<void> {
  const { apiVersion, kind } = object;
  const { name = '', uid = '', namespace = 'default' } = object.metadata;
  const hash = createHash('sha256')
    .update(`${uid}/${event.component}/${event.type}/${event.reason}/${event.message}`)
    .digest('hex')
    .slice(0, 16);
  const key = { namespace, name: `${name.slice(0, 230)}.${hash}` };
  const { type, reason, message, component, time } = event;
  try {
    await client.create(wellKnown.events, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: key,
      involvedObject: {
        apiVersion,
        kind,
        name,
        uid,
        ...(object.metadata.namespace !== undefined && { namespace }),
      },
      type,
      reason,
      message,
      source: { component },
      reportingComponent: component,
      reportingInstance: '',
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    });
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
    const found = await client.get(wellKnown.events, key);
    const body = { count: numberAt(found, 'count') + 1, lastTimestamp: time };
    await client.patch(wellKnown.events, key, { type: 'merge', body });
  }
}
