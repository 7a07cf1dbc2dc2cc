/**
 * Watches the Available condition of all clusters: tells each change for the worse as an event, as OCM's hub does, and a
 * cluster that changes to and fro as an event and in the metrics. It judges nothing itself. What it has seen is in
 * memory: a hub that starts anew counts from there.
 */
import { clusterCondition, findCondition, type ManagedCluster } from '@flotilla/api';
import { type Controller, createController } from '@flotilla/kube';
import { type ClusterEvent, recordClusterEvent } from '../events/cluster-events.js';
import type { HubContext } from './context.js';

export type Availability = 'True' | 'False' | 'Unknown';

/** So many changes in such a time are too many: one outage with its recovery is two. */
export const flappingRule = Object.freeze({ changes: 4, withinMs: 3_600_000 });

export interface AvailabilityWatch {
  readonly controller: Controller;
  /** In Prometheus text form, without a newline at the end. */
  metrics(): readonly string[];
}

export function createAvailabilityWatch(context: HubContext): AvailabilityWatch {
  const { clusters, env } = context;
  const changes = new Map<string, readonly number[]>();
  const told = new Set<string>();
  const pending = new Map<string, ClusterEvent[]>();
  const totals: Record<Availability, number> = { True: 0, False: 0, Unknown: 0 };

  const controller = createController({
    name: 'cluster-availability',
    env,
    reconcile: async (name) => {
      const cluster = clusters.cache.get(name);
      const events = pending.get(name) ?? [];
      for (let event = events.shift(); event !== undefined; event = events.shift()) {
        if (cluster !== undefined) await recordClusterEvent(context, cluster, event);
      }
      pending.delete(name);
      return settle(name);
    },
  });
  /** Ends what was told of a cluster that has been quiet for long enough. */
  const settle = (name: string): { requeueAfterMs: number } | undefined => {
    const recent = recentChanges(changes.get(name) ?? [], env.clock.monotonicMs());
    if (recent.length === 0) changes.delete(name);
    else changes.set(name, recent);
    if (recent.length < flappingRule.changes) told.delete(name);
    const [first] = recent;
    return first === undefined
      ? undefined
      : { requeueAfterMs: first + flappingRule.withinMs - env.clock.monotonicMs() + 1 };
  };
  clusters.onChange(({ type, object, old }) => {
    const name = object.metadata.name ?? '';
    if (type === 'deleted') {
      changes.delete(name);
      told.delete(name);
      return;
    }
    const [before, now] = [old && availabilityOf(old), availabilityOf(object)];
    if (now === undefined || before === undefined || before === now) return;
    totals[now]++;
    const recent = [
      ...recentChanges(changes.get(name) ?? [], env.clock.monotonicMs()),
      env.clock.monotonicMs(),
    ];
    changes.set(name, recent.slice(-flappingRule.changes));
    const events = pending.get(name) ?? [];
    const event = eventOf(object, now);
    if (event !== undefined) events.push(event);
    if (recent.length >= flappingRule.changes && !told.has(name)) {
      told.add(name);
      events.push(flappingEvent(object));
    }
    pending.set(name, events);
    controller.enqueue(name);
  });
  return {
    controller,
    metrics: () => {
      const counts = new Map<string, number>();
      for (const cluster of clusters.cache.list()) {
        const status = availabilityOf(cluster) ?? 'None';
        counts.set(status, (counts.get(status) ?? 0) + 1);
      }
      return [
        '# TYPE hub_clusters gauge',
        ...['True', 'False', 'Unknown', 'None'].map(
          (status) => `hub_clusters{available="${status}"} ${counts.get(status) ?? 0}`,
        ),
        '# TYPE hub_cluster_available_changes_total counter',
        ...Object.entries(totals).map(
          ([status, count]) => `hub_cluster_available_changes_total{to="${status}"} ${count}`,
        ),
        '# TYPE hub_clusters_flapping gauge',
        `hub_clusters_flapping ${told.size}`,
      ];
    },
  };
}

function availabilityOf({ status }: ManagedCluster): Availability | undefined {
  return findCondition(status?.conditions, clusterCondition.available)?.status as Availability | undefined; // metav1
}

function recentChanges(times: readonly number[], nowMs: number): readonly number[] {
  return times.filter((time) => nowMs - time < flappingRule.withinMs);
}

/** Names of OCM's events. */
function eventOf({ metadata, status }: ManagedCluster, now: Availability): ClusterEvent | undefined {
  const condition = findCondition(status?.conditions, clusterCondition.available);
  const why = condition === undefined ? '' : `${condition.reason}: ${condition.message}`;
  if (now === 'Unknown') {
    const message = `The managed cluster (${metadata.name}) cannot connect to the hub cluster. ${why}`;
    return { type: 'Warning', reason: 'AvailableUnknown', message };
  }
  if (now === 'False')
    return {
      type: 'Warning',
      reason: 'Unavailable',
      message: `The managed cluster (${metadata.name}) is not available. ${why}`,
    };
  return {
    type: 'Normal',
    reason: 'Available',
    message: `The managed cluster (${metadata.name}) is available now.`,
  };
}

function flappingEvent({ metadata }: ManagedCluster): ClusterEvent {
  const minutes = flappingRule.withinMs / 60_000;
  return {
    type: 'Warning',
    reason: 'AvailableFlapping',
    message: `The availability of the managed cluster (${metadata.name}) changed ${flappingRule.changes} times within ${minutes} minutes: its agent, its network or its API server comes and goes.`,
  };
}
