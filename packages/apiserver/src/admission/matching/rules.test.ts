import { expect } from 'chai';
import { type MatchRule, type RuleSubject, ruleMatches } from './rules.js';

const subject: RuleSubject = {
  operation: 'CREATE',
  group: 'apps',
  version: 'v1',
  resource: 'deployments',
  subresource: undefined,
  namespaced: true,
  name: 'web',
};
const rule: MatchRule = {
  operations: ['CREATE', 'UPDATE'],
  apiGroups: ['apps'],
  apiVersions: ['v1'],
  resources: ['deployments'],
};

describe('rules of admission', () => {
  const cases: readonly [string, Partial<MatchRule>, Partial<RuleSubject>, boolean][] = [
    ['all that is named', {}, {}, true],
    ['another operation', {}, { operation: 'DELETE' }, false],
    ['any operation', { operations: ['*'] }, { operation: 'CONNECT' }, true],
    ['another group', {}, { group: '' }, false],
    ['any group and version', { apiGroups: ['*'], apiVersions: ['*'] }, { group: '', version: 'v2' }, true],
    ['another version', {}, { version: 'v1beta1' }, false],
    ['another resource', {}, { resource: 'pods' }, false],
    ['a subresource under a rule of the resource', {}, { subresource: 'status' }, false],
    ['* without subresources', { resources: ['*'] }, { subresource: 'status' }, false],
    ['* with none', { resources: ['*'] }, {}, true],
    ['all subresources of it, itself included', { resources: ['deployments/*'] }, {}, true],
    ['one subresource', { resources: ['deployments/scale'] }, { subresource: 'scale' }, true],
    ['another subresource', { resources: ['deployments/scale'] }, { subresource: 'status' }, false],
    ['one subresource of anything', { resources: ['*/scale'] }, { subresource: 'scale' }, true],
    ['anything at all', { resources: ['*/*'] }, { resource: 'pods', subresource: 'log' }, true],
    ['namespaced things', { scope: 'Namespaced' }, {}, true],
    ['namespaced things, of a cluster-scoped one', { scope: 'Namespaced' }, { namespaced: false }, false],
    ['cluster-scoped things', { scope: 'Cluster' }, { namespaced: false }, true],
    ['cluster-scoped things, of a namespaced one', { scope: 'Cluster' }, {}, false],
    ['its name', { resourceNames: ['api', 'web'] }, {}, true],
    ['another name', { resourceNames: ['api'] }, {}, false],
    ['a name that is not known yet', { resourceNames: ['web'] }, { name: '' }, false],
    ['nothing, without resources', { resources: [] }, {}, false],
  ];
  for (const [what, rules, facts, expected] of cases) {
    it(`${expected ? 'match' : 'do not match'}: ${what}`, () => {
      expect(ruleMatches({ ...rule, ...rules }, { ...subject, ...facts })).to.equal(expected);
    });
  }
});
