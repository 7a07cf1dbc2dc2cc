import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { bootstrapRbacObjects } from './bootstrap-policy.js';
import { aggregateRules } from './role-aggregation.js';
import { role } from './testing/rbac.js';

const get = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
const list = { verbs: ['list'], apiGroups: [''], resources: ['pods'] };

function labelled(object: KubeObject, labels: Record<string, string>): KubeObject {
  return { ...object, metadata: { ...object.metadata, labels } };
}

function aggregate(...matchLabels: Record<string, string>[]): KubeObject {
  return {
    ...role('all'),
    aggregationRule: { clusterRoleSelectors: matchLabels.map((one) => ({ matchLabels: one })) },
  };
}

describe('aggregateRules', () => {
  it('has nothing to say of a role that aggregates nothing', () => {
    expect(aggregateRules(role('plain', get), [])).to.equal(undefined);
  });

  it('joins the rules of the selected roles by name, each once', () => {
    const roles = [
      labelled(role('b', list, get), { in: 'yes' }),
      labelled(role('a', get), { in: 'yes' }),
      labelled(role('c', { ...get, verbs: ['*'] }), { in: 'no' }),
      labelled(aggregate(), { in: 'yes' }),
    ];
    expect(aggregateRules(aggregate({ in: 'yes' }), roles)).to.deep.equal([get, list]);
  });

  it('selects nothing without selectors, and by each of several', () => {
    const roles = [labelled(role('a', get), { x: '1' }), labelled(role('b', list), { y: '1' })];
    expect(aggregateRules(aggregate(), roles)).to.deep.equal([]);
    expect(aggregateRules(aggregate({ y: '1' }, { x: '1' }), roles)).to.deep.equal([list, get]);
  });

  it('finds the roles of the first start as they should be', () => {
    const roles = bootstrapRbacObjects().filter(({ kind }) => kind === 'ClusterRole');
    for (const one of roles) {
      expect(aggregateRules(one, roles) ?? one['rules'], one.metadata.name).to.deep.equal(one['rules']);
    }
  });
});
