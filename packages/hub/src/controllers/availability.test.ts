import type { ManagedCluster } from '@flotilla/api';
import { createStopController, type KubeClient } from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { type AvailabilityWatch, createAvailabilityWatch } from './availability.js';
import type { HubContext } from './context.js';

type Change = { type: 'added' | 'updated' | 'deleted'; object: ManagedCluster; old?: ManagedCluster };

describe('the availability of clusters', () => {
  let env: TestEnv;
  let watch: AvailabilityWatch;
  let tell: (change: Change) => void;
  let events: { reason: string; namespace: string; type: string }[];
  let cached: ManagedCluster | undefined;
  let stop: AbortController;

  beforeEach(() => {
    env = createTestEnv();
    events = [];
    cached = undefined;
    stop = createStopController();
    const context = {
      env,
      client: {
        create: async (
          _ref: unknown,
          event: { reason: string; type: string; metadata: { namespace: string } },
        ) => {
          events.push({ reason: event.reason, namespace: event.metadata.namespace, type: event.type });
        },
      } as unknown as KubeClient, // nothing else is asked for
      clusters: {
        cache: { get: () => cached, list: () => (cached === undefined ? [] : [cached]) },
        onChange: (fn: (change: Change) => void) => {
          tell = fn;
        },
      },
    } as unknown as HubContext; // as above
    watch = createAvailabilityWatch(context);
    watch.controller.start(stop.signal);
  });
  afterEach(async () => {
    stop.abort(new Error('over'));
    await watch.controller.close();
  });

  function cluster(status: 'True' | 'False' | 'Unknown' | undefined): ManagedCluster {
    const condition = { type: 'ManagedClusterConditionAvailable', reason: 'R', message: 'M' };
    return {
      apiVersion: 'cluster.open-cluster-management.io/v1',
      kind: 'ManagedCluster',
      metadata: { name: 'c1', uid: 'u' },
      status: {
        conditions:
          status === undefined ? [] : [{ ...condition, status, lastTransitionTime: '2026-01-01T00:00:00Z' }],
      },
    };
  }

  async function become(status: 'True' | 'False' | 'Unknown'): Promise<void> {
    const old = cached;
    cached = cluster(status);
    tell({ type: old === undefined ? 'added' : 'updated', object: cached, ...(old && { old }) });
    await env.clock.advance(1000);
  }
  const reasons = (): string[] => events.splice(0).map(({ reason }) => reason);
  const line = (text: string): boolean => watch.metrics().includes(text);

  it('is told at each change, in the namespace of the cluster', async () => {
    await become('True');
    expect(reasons()).to.deep.equal([]);
    await become('Unknown');
    expect(events).to.deep.equal([{ reason: 'AvailableUnknown', namespace: 'c1', type: 'Warning' }]);
    await become('Unknown');
    await become('True');
    await become('False');
    expect(reasons()).to.deep.equal(['AvailableUnknown', 'Available', 'Unavailable']);
  });

  it('is counted', async () => {
    await become('True');
    expect(line('hub_clusters{available="True"} 1')).to.equal(true);
    await become('Unknown');
    expect(line('hub_clusters{available="Unknown"} 1')).to.equal(true);
    expect(line('hub_clusters{available="True"} 0')).to.equal(true);
    expect(line('hub_cluster_available_changes_total{to="Unknown"} 1')).to.equal(true);
    expect(line('hub_clusters_flapping 0')).to.equal(true);
  });

  it('flaps when it changes four times within an hour, which is told once until it is quiet', async () => {
    await become('True');
    for (const status of ['Unknown', 'True', 'Unknown'] as const) await become(status);
    expect(reasons()).not.to.include('AvailableFlapping');
    await become('True');
    expect(reasons()).to.include('AvailableFlapping');
    expect(line('hub_clusters_flapping 1')).to.equal(true);
    for (const status of ['Unknown', 'True'] as const) await become(status);
    expect(reasons()).not.to.include('AvailableFlapping');
    await env.clock.advance(3_601_000);
    expect(line('hub_clusters_flapping 0')).to.equal(true);
    for (const status of ['Unknown', 'True', 'Unknown', 'True'] as const) await become(status);
    expect(reasons()).to.include('AvailableFlapping');
  });

  it('does not flap with an outage now and then', async () => {
    await become('True');
    for (let outage = 0; outage < 5; outage++) {
      await become('Unknown');
      await become('True');
      await env.clock.advance(3_700_000);
    }
    expect(reasons()).not.to.include('AvailableFlapping');
  });

  it('is forgotten with the cluster', async () => {
    await become('True');
    for (const status of ['Unknown', 'True', 'Unknown', 'True'] as const) await become(status);
    const last = cluster('True');
    cached = undefined;
    tell({ type: 'deleted', object: last });
    expect(line('hub_clusters_flapping 0')).to.equal(true);
  });
});
