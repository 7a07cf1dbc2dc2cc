import { expect } from 'chai';
import { agentCluster } from './agent-identity.js';

describe('the cluster that a user acts for', () => {
  const all = 'system:open-cluster-management:managed-clusters';
  const cases: readonly (readonly [string, readonly string[], string | undefined])[] = [
    ['an agent', ['system:open-cluster-management:c1', all, 'system:authenticated'], 'c1'],
    ['an agent by the other name of its group', ['open-cluster-management:c1'], 'c1'],
    ['the group of all agents alone', [all], undefined],
    ['an administrator, whatever else', ['system:masters', 'system:open-cluster-management:c1'], undefined],
    ['an add-on', ['system:open-cluster-management:cluster:c1:addon:a'], undefined],
    ['an empty name', ['system:open-cluster-management:'], undefined],
    ['a user', ['system:authenticated', 'team'], undefined],
    [
      'an agent whose certificate has expired',
      ['flotilla:expired-agents', 'system:unauthenticated'],
      undefined,
    ],
    ['nobody', [], undefined],
  ];
  for (const [name, groups, cluster] of cases) {
    it(name, () => expect(agentCluster({ groups })).to.equal(cluster));
  }
});
