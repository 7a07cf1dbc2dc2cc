import type { Condition, KubeObject, ManagedCluster } from '@flotilla/api';
import { expect } from 'chai';
import { type ClusterFacts, planClusterStatus } from './cluster-status.js';

const options = {
  nowMs: Date.UTC(2026, 0, 1),
  maxCustomClaims: 2,
  reservedClaimSuffixes: ['.vendor.example'],
};

function condition(type: string, status: Condition['status']): Condition {
  return { type, status, reason: 'r', message: 'm', lastTransitionTime: '2025-01-01T00:00:00Z' };
}

function cluster(...conditions: Condition[]): ManagedCluster {
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name: 'c1' },
    status: { conditions },
  };
}

const accepted = condition('HubAcceptedManagedCluster', 'True');

function node(cpu: string, unschedulable = false): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: cpu },
    spec: { unschedulable },
    status: { capacity: { cpu }, allocatable: { cpu } },
  };
}

function claim(name: string, labels: Record<string, string> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'ClusterClaim', metadata: { name, labels }, spec: { value: 'v' } };
}

function facts(more: Partial<ClusterFacts> = {}): ClusterFacts {
  return {
    unavailableBecause: undefined,
    kubernetesVersion: 'v1.32.0',
    nodes: [],
    claims: [],
    properties: [],
    namespaceFailures: undefined,
    certificate: undefined,
    ...more,
  };
}

function stateOf(status: ReturnType<typeof planClusterStatus>, type: string): string | undefined {
  return status?.conditions?.find((one) => one.type === type)?.status;
}

describe('the status that a klusterlet reports', () => {
  it('is nothing before the hub accepts the cluster', () => {
    expect(planClusterStatus(cluster(), facts(), options)).to.equal(undefined);
  });
  it('is nothing while the hub distrusts the clock', () => {
    const distrusted = cluster(accepted, condition('ManagedClusterConditionClockSynced', 'False'));
    expect(planClusterStatus(distrusted, facts(), options)).to.equal(undefined);
  });
  it('says joined, available and the version', () => {
    const status = planClusterStatus(cluster(accepted), facts(), options);
    expect(stateOf(status, 'ManagedClusterJoined')).to.equal('True');
    expect(stateOf(status, 'ManagedClusterConditionAvailable')).to.equal('True');
    expect(status?.version?.kubernetes).to.equal('v1.32.0');
  });
  it('says unavailable, and then nothing about what it cannot see', () => {
    const status = planClusterStatus(
      cluster(accepted),
      facts({ unavailableBecause: 'down', nodes: [node('1')] }),
      options,
    );
    expect(stateOf(status, 'ManagedClusterConditionAvailable')).to.equal('False');
    expect(status).not.to.have.any.keys('version', 'capacity');
  });
  it('sums all nodes into capacity, and those that take pods into allocatable', () => {
    const status = planClusterStatus(
      cluster(accepted),
      facts({ nodes: [node('1500m'), node('2', true)] }),
      options,
    );
    expect(status?.capacity).to.deep.equal({ cpu: '3500m' });
    expect(status?.allocatable).to.deep.equal({ cpu: '1500m' });
  });
  it('reports reserved claims first, cuts the others, hides those of the spoke, and adds what the agent can do', () => {
    const claims = [
      claim('c.example'),
      claim('a.example'),
      claim('b.example'),
      claim('id.k8s.io'),
      claim('plans.flotilla.dev'),
      claim('hidden', { 'open-cluster-management.io/spoke-only': '' }),
    ];
    const status = planClusterStatus(cluster(accepted), facts({ claims }), options);
    expect(status?.clusterClaims?.map(({ name }) => name)).to.deep.equal([
      'id.k8s.io',
      'a.example',
      'b.example',
      'plans.flotilla.dev',
    ]);
    expect(status?.clusterClaims?.at(-1)?.value).to.equal('v1');
  });
});
