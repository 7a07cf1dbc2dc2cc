import { expect } from 'chai';
import { deletionPropagation } from './deletion-propagation.js';

describe('how objects of works are deleted', () => {
  for (const [group, resource, policy] of [
    ['apps', 'deployments', 'Foreground'],
    ['batch', 'jobs', 'Foreground'],
    ['', 'replicationcontrollers', 'Foreground'],
    ['example.io', 'databases', 'Background'],
    ['', 'configmaps', 'Background'],
    ['', 'namespaces', 'Background'],
    ['apiextensions.k8s.io', 'customresourcedefinitions', 'Background'],
    ['rbac.authorization.k8s.io', 'roles', 'Background'],
  ] as const) {
    it(`${policy}: ${resource} of the group "${group}"`, () => {
      expect(deletionPropagation({ group, resource })).to.equal(policy);
    });
  }
});
