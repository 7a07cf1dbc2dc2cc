import type { ManagedCluster } from '@flotilla/api';
import { expect } from 'chai';
import { managedNamespaceLabel, planNamespaces, reportNamespaces } from './managed-namespaces.js';

function cluster(names: readonly string[], deletionTimestamp?: string): ManagedCluster {
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name: 'c1', ...(deletionTimestamp !== undefined && { deletionTimestamp }) },
    status: { managedNamespaces: names.map((name) => ({ name, clusterSet: 'team' })) },
  };
}

describe('namespaces that cluster sets manage', () => {
  it('are made when they are not marked, and let go when they are not wanted', () => {
    const marked = new Set(['a', 'old']);
    expect(planNamespaces(cluster(['a', 'b']), marked)).to.deep.equal({ apply: ['b'], unmark: ['old'] });
  });

  it('are let go when the cluster is being deleted', () => {
    const plan = planNamespaces(cluster(['a', 'b'], '2026-01-01T00:00:00Z'), new Set(['a']));
    expect(plan).to.deep.equal({ apply: [], unmark: ['a'] });
  });

  it('are reported each by itself: one that cannot be made says why', () => {
    const entries = cluster(['a', 'b']).status?.managedNamespaces ?? [];
    const nowMs = Date.UTC(2026, 0, 1);
    const reported = reportNamespaces(entries, new Map([['b', 'quota']]), nowMs);
    expect(
      reported.map(({ name, conditions }) => [name, conditions?.[0]?.status, conditions?.[0]?.message]),
    ).to.deep.equal([
      ['a', 'True', 'Namespace successfully applied and managed'],
      ['b', 'False', 'Failed to apply namespace: quota'],
    ]);
    expect(reportNamespaces(reported, new Map([['b', 'quota']]), nowMs + 60_000)).to.deep.equal(reported);
  });

  it('have a mark of their hub that a label can hold', () => {
    const [, name = ''] = managedNamespaceLabel('https://hub.example:6443').split('/');
    expect(name).to.match(/^[0-9a-f]{63}$/);
    expect(managedNamespaceLabel('https://other.example:6443')).not.to.contain(name);
  });
});
