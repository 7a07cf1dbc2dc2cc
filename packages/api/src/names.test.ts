import { expect } from 'chai';
import {
  agentGroups,
  agentUserName,
  appliedManifestWorkName,
  clusterGroup,
  clusterGroupAlias,
  clusterRoleName,
  flotillaKey,
  managedClusterFinalizer,
  manifestWorkFinalizer,
  parseAgentUserName,
  registrationRoleBindingName,
  serviceAccountUserName,
  workRoleBindingName,
} from './names.js';

describe('names', () => {
  it('builds users, groups and RBAC names as OCM does', () => {
    expect(agentUserName('c1', 'a1')).to.equal('system:open-cluster-management:c1:a1');
    expect(clusterGroup('c1')).to.equal('system:open-cluster-management:c1');
    expect(clusterGroupAlias('c1')).to.equal('open-cluster-management:c1');
    expect(agentGroups('c1')).to.deep.equal([
      'system:open-cluster-management:c1',
      'system:open-cluster-management:managed-clusters',
    ]);
    expect(clusterRoleName('c1')).to.equal('open-cluster-management:managedcluster:c1');
    expect(registrationRoleBindingName('c1')).to.equal(
      'open-cluster-management:managedcluster:c1:registration',
    );
    expect(workRoleBindingName('c1')).to.equal('open-cluster-management:managedcluster:c1:work');
    expect(serviceAccountUserName('ns', 'sa')).to.equal('system:serviceaccount:ns:sa');
    expect(appliedManifestWorkName('ab12', 'web')).to.equal('ab12-web');
    expect(flotillaKey('x')).to.equal('flotilla.dev/x');
    expect(managedClusterFinalizer).to.equal('cluster.open-cluster-management.io/api-resource-cleanup');
    expect(manifestWorkFinalizer).to.equal('cluster.open-cluster-management.io/manifest-work-cleanup');
  });

  it('reads cluster and agent back from a user name', () => {
    expect(parseAgentUserName(agentUserName('c1', 'a1'))).to.deep.equal({ cluster: 'c1', agent: 'a1' });
  });

  for (const user of [
    'c1:a1',
    'system:open-cluster-management:c1',
    'system:open-cluster-management:c1:',
    'system:open-cluster-management::a1',
    'system:open-cluster-management:c1:a1:x',
    'system:open-cluster-management:cluster:c1:addon:a:agent:a',
  ]) {
    it(`does not take ${user} for an agent`, () => expect(parseAgentUserName(user)).to.equal(undefined));
  }
});
