import {
  applyMergePatch,
  autoUpdateAnnotation,
  type ManagedCluster,
  type ManagedClusterSet,
} from '@flotilla/api';
import { expect } from 'chai';
import { planBoundCondition } from './cluster-set-bindings.js';
import { changedSets, planEmptyCondition, planRestoredSelector } from './cluster-sets.js';

type Selector = NonNullable<ManagedClusterSet['spec']>['clusterSelector'];

function set(
  name: string,
  clusterSelector: Selector,
  annotations?: Record<string, string>,
): ManagedClusterSet {
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1beta2',
    kind: 'ManagedClusterSet',
    metadata: { name, ...(annotations && { annotations }) },
    spec: { ...(clusterSelector && { clusterSelector }) },
  };
}

function cluster(labels: Record<string, string>): ManagedCluster {
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name: 'one', labels },
  };
}

const exclusive: Selector = { selectorType: 'ExclusiveClusterSetLabel' };
const byLabel = (matchLabels: Record<string, string>): Selector => ({
  selectorType: 'LabelSelector',
  labelSelector: { matchLabels },
});
const everything: Selector = { selectorType: 'LabelSelector', labelSelector: {} };

describe('the sets of every hub', () => {
  const standard = { default: exclusive, global: everything };
  for (const [name, selector] of Object.entries(standard)) {
    it(`${name} gets its selector back, whatever it was changed to`, () => {
      expect(planRestoredSelector(set(name, selector))).to.equal(undefined);
      for (const wrong of [byLabel({ a: 'b' }), name === 'default' ? everything : exclusive]) {
        const patch = planRestoredSelector(set(name, wrong));
        expect(patch).not.to.equal(undefined);
        expect(applyMergePatch(wrong, patch)).to.deep.equal(selector);
      }
    });
    it(`${name} is left to who says that it shall not be updated`, () => {
      expect(
        planRestoredSelector(set(name, byLabel({ a: 'b' }), { [autoUpdateAnnotation]: 'false' })),
      ).to.equal(undefined);
      expect(
        planRestoredSelector(set(name, byLabel({ a: 'b' }), { [autoUpdateAnnotation]: 'true' })),
      ).not.to.equal(undefined);
    });
  }
  it('are two; others are their users', () => {
    expect(planRestoredSelector(set('team', byLabel({ a: 'b' })))).to.equal(undefined);
  });
});

describe('a cluster set', () => {
  const sets = [
    set('default', exclusive),
    set('team', undefined),
    set('global', everything),
    set('west', byLabel({ region: 'west' })),
    set('none', { selectorType: 'LabelSelector' }),
    set('broken', {
      selectorType: 'LabelSelector',
      labelSelector: { matchExpressions: [{ key: 'a', operator: 'Like', values: ['b'] }] },
    }),
  ];
  const label = 'cluster.open-cluster-management.io/clusterset';
  const plain = cluster({ [label]: 'default' });
  const moved = cluster({ [label]: 'team', region: 'west' });

  it('is counted anew when a cluster enters or leaves it, and only then', () => {
    expect(changedSets(sets, { before: undefined, after: plain })).to.deep.equal(['default', 'global']);
    expect(changedSets(sets, { before: moved, after: undefined })).to.deep.equal(['team', 'global', 'west']);
    expect(changedSets(sets, { before: plain, after: moved })).to.deep.equal(['default', 'team', 'west']);
    expect(
      changedSets(sets, { before: plain, after: cluster({ [label]: 'default', x: 'y' }) }),
    ).to.deep.equal([]);
  });

  it('tells how many clusters it has', () => {
    expect(planEmptyCondition(0)).to.include({ status: 'True', reason: 'NoClusterMatched' });
    expect(planEmptyCondition(3)).to.include({ status: 'False', message: '3 ManagedClusters selected' });
  });

  it('is bound when it exists', () => {
    expect(planBoundCondition(true)).to.include({ type: 'Bound', status: 'True', reason: 'ClusterSetBound' });
    expect(planBoundCondition(false)).to.include({ status: 'False', reason: 'ClusterSetNotFound' });
  });
});
