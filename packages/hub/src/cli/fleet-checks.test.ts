import type { KubeObject, ManagedCluster } from '@flotilla/api';
import { expect } from 'chai';
import { neglect } from './fleet-checks.js';

const bornMs = Date.UTC(2026, 0, 1);
const iso = (ms: number): string => new Date(ms).toISOString();

function cluster(conditions: Record<string, string>, more: object = {}): ManagedCluster {
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name: 'c', creationTimestamp: '2026-01-01T00:00:00Z', ...more },
    spec: { hubAcceptsClient: true, leaseDurationSeconds: 60 },
    status: { conditions: Object.entries(conditions).map(([type, status]) => ({ type, status })) },
  } as ManagedCluster;
}

const lease: KubeObject = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'managed-cluster-lease' },
  spec: { renewTime: iso(bornMs) },
};
const accepted = { HubAcceptedManagedCluster: 'True' };
const available = { ...accepted, ManagedClusterConditionAvailable: 'True' };

describe('what the controllers of a hub have neglected', () => {
  for (const [what, object, afterMs, says] of [
    ['a cluster that was just accepted', cluster({}), 30_000, undefined],
    ['a cluster that waits for its rights', cluster({}), 90_000, /was given no rights/],
    ['a cluster that is being removed', cluster({}, { deletionTimestamp: iso(bornMs) }), 90_000, undefined],
    ['a heartbeat that is late', cluster(available), 330_000, undefined],
    ['a heartbeat that is gone', cluster(available), 400_000, /counts as available/],
    ['a cluster that is known to be gone', cluster(accepted), 400_000, undefined],
  ] as const) {
    it(what, () => {
      const why = neglect(object, { lease, nowMs: bornMs + afterMs });
      if (says === undefined) expect(why).to.equal(undefined);
      else expect(why).to.match(says);
    });
  }
});
