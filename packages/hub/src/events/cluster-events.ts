/**
 * Events about a cluster, in its namespace on the hub, as `kubectl get events -n <cluster>` and
 * `kubectl describe managedcluster` show them. Nothing waits for one: an event that cannot be written is logged.
 */
import {
  formatMicroTime,
  formatTime,
  hasReason,
  hubFieldManager,
  type KubeObject,
  type ManagedCluster,
} from '@flotilla/api';
import { type Env, type KubeClient, wellKnown } from '@flotilla/kube';

export interface ClusterEvent {
  readonly type: 'Normal' | 'Warning';
  /** In the form of a condition's reason. */
  readonly reason: string;
  readonly message: string;
}

const component = 'flotilla-hub';

/** Of a cluster without a namespace, one that was never accepted, nothing is written. */
export async function recordClusterEvent(
  { client, env }: { readonly client: KubeClient; readonly env: Env },
  { apiVersion, kind, metadata }: ManagedCluster,
  { type, reason, message }: ClusterEvent,
): Promise<void> {
  const { name = '', uid = '' } = metadata;
  const nowMs = env.clock.now();
  const event: KubeObject = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: `${name}-`, namespace: name },
    type,
    reason,
    message,
    action: reason,
    // As OCM's: a cluster counts as an object of its namespace, or its events could not be there.
    involvedObject: { apiVersion, kind, name, namespace: name, uid },
    eventTime: formatMicroTime(nowMs),
    firstTimestamp: formatTime(nowMs),
    lastTimestamp: formatTime(nowMs),
    count: 1,
    source: { component },
    reportingComponent: component,
    reportingInstance: component,
  };
  try {
    await client.create(wellKnown.events, event, { fieldManager: hubFieldManager });
  } catch (error) {
    const isWithoutNamespace = hasReason(error, 'NotFound', 'Forbidden');
    env.log[isWithoutNamespace ? 'debug' : 'warn']('event not written', {
      ...{ cluster: name, reason },
      error: error instanceof Error ? error.message : String(error),
    });
  }
}
