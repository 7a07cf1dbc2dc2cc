import { type ManagedCluster, type Taint, unavailableTaint, unreachableTaint } from '@flotilla/api';
import { expect } from 'chai';
import { planTaints } from './cluster-taints.js';

const nowMs = Date.UTC(2026, 0, 1);
const timeAdded = '2026-01-01T00:00:00Z';

function cluster(available: string | undefined, taints?: readonly Taint[], deleting = false): ManagedCluster {
  const condition = {
    type: 'ManagedClusterConditionAvailable',
    status: available as 'True',
    reason: 'Any',
    message: '',
    lastTransitionTime: timeAdded,
  };
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name: 'one', ...(deleting && { deletionTimestamp: timeAdded }) },
    spec: { ...(taints && { taints: [...taints] }) },
    status: { ...(available !== undefined && { conditions: [condition] }) },
  };
}

describe('the taints of a cluster', () => {
  const unreachable: Taint = { key: unreachableTaint, effect: 'NoSelect', timeAdded };
  const unavailable: Taint = { key: unavailableTaint, effect: 'NoSelect', timeAdded };
  const users: Taint = { key: 'team', value: 'a', effect: 'PreferNoSelect', timeAdded };
  const early = { ...unreachable, timeAdded: '2025-01-01T00:00:00Z' };

  const cases: { name: string; given: ManagedCluster; planned: readonly Taint[] | undefined }[] = [
    { name: 'a new cluster is unreachable', given: cluster(undefined), planned: [unreachable] },
    { name: 'so is one that stopped reporting', given: cluster('Unknown'), planned: [unreachable] },
    { name: 'an unhealthy one is unavailable', given: cluster('False'), planned: [unavailable] },
    { name: 'an available one has none', given: cluster('True'), planned: undefined },
    { name: 'it loses both', given: cluster('True', [unreachable, users, unavailable]), planned: [users] },
    { name: 'and the last', given: cluster('True', [unreachable]), planned: [] },
    {
      name: 'one replaces the other',
      given: cluster('False', [early, users]),
      planned: [users, unavailable],
    },
    { name: 'what stands keeps its time', given: cluster('Unknown', [users, early]), planned: undefined },
    {
      name: 'what somebody weakened is restored',
      given: cluster('Unknown', [{ ...early, effect: 'PreferNoSelect' }]),
      planned: [unreachable],
    },
    { name: 'a cluster that goes is left alone', given: cluster('Unknown', [], true), planned: undefined },
  ];
  for (const { name, given, planned } of cases) {
    it(name, () => expect(planTaints(given, nowMs)).to.deep.equal(planned));
  }
});
