import { expect } from 'chai';
import fc from 'fast-check';
import type { AccessAttributes } from './attributes.js';
import { compactRules, describeRule, type PolicyRule, ruleAllows, uncoveredRules } from './rules.js';

function rule(verbs: string, apiGroups: string, resources: string, resourceNames?: string): PolicyRule {
  return {
    verbs: verbs.split(' '),
    apiGroups: apiGroups.split(' '),
    resources: resources.split(' '),
    ...(resourceNames !== undefined && { resourceNames: resourceNames.split(' ') }),
  };
}

function urls(verbs: string, nonResourceURLs: string): PolicyRule {
  return { verbs: verbs.split(' '), nonResourceURLs: nonResourceURLs.split(' ') };
}

/** `verb group resource[/subresource] [name]`, the core group as `core`; or `verb /path`. */
function request(text: string): AccessAttributes {
  const [verb = '', group = '', what = '', name] = text.split(' ');
  if (group.startsWith('/')) return { verb, path: group };
  const [resource = '', subresource] = what.split('/');
  return {
    verb,
    group: group === 'core' ? '' : group,
    resource,
    ...(subresource !== undefined && { subresource }),
    ...(name !== undefined && { name }),
  };
}

describe('ruleAllows', () => {
  const cases: [string, PolicyRule, string, boolean][] = [
    ['the same', rule('get', '', 'pods'), 'get core pods', true],
    ['another verb', rule('get', '', 'pods'), 'list core pods', false],
    ['another group', rule('get', '', 'pods'), 'get apps pods', false],
    ['all verbs', rule('*', '', 'pods'), 'delete core pods', true],
    ['all groups', rule('get', '*', 'pods'), 'get demo.io pods', true],
    ['all resources', rule('get', '', '*'), 'get core pods/log', true],
    ['a subresource by the resource alone', rule('get', '', 'pods'), 'get core pods/log', false],
    ['a resource by the subresource alone', rule('get', '', 'pods/log'), 'get core pods', false],
    ['a subresource of any resource', rule('update', '*', '*/scale'), 'update apps deployments/scale', true],
    ['a name', rule('get', '', 'secrets', 'a'), 'get core secrets a', true],
    ['another name', rule('get', '', 'secrets', 'a'), 'get core secrets b', false],
    ['no name, where one is asked for', rule('list', '', 'secrets', 'a'), 'list core secrets', false],
    ['a path', urls('get', '/version'), 'get /version', true],
    ['a path below', urls('get', '/version'), 'get /version/x', false],
    ['a path by its beginning', urls('get', '/apis/*'), 'get /apis/apps/v1', true],
    ['all paths', urls('*', '*'), 'post /anything', true],
    ['a path by a rule for resources', rule('*', '*', '*'), 'get /version', false],
    ['a resource by a rule for paths', urls('*', '*'), 'get core pods', false],
    ['a rule without resources', { verbs: ['*'], apiGroups: ['*'] }, 'get core pods', false],
  ];
  for (const [name, given, asked, expected] of cases) {
    it(`${expected ? 'allows' : 'does not allow'} ${name}`, () => {
      expect(ruleAllows(given, request(asked))).to.equal(expected);
    });
  }
});

describe('uncoveredRules', () => {
  const cases: [string, PolicyRule[], PolicyRule[], string[]][] = [
    ['nothing of what is held', [rule('get list', '', 'pods')], [rule('list', '', 'pods')], []],
    [
      'nothing when several rules cover it together',
      [rule('get', '', 'pods'), rule('get', '', 'secrets')],
      [rule('get', '', 'pods secrets')],
      [],
    ],
    [
      'the missing parts alone',
      [rule('get', '', 'pods')],
      [rule('get watch', '', 'pods')],
      ['{APIGroups:[""], Resources:["pods"], Verbs:["watch"]}'],
    ],
    [
      'all names, when only some are held',
      [rule('get', '', 'secrets', 'a')],
      [rule('get', '', 'secrets')],
      ['{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'],
    ],
    [
      'the wildcard, when only its parts are held',
      [rule('get list', '', 'pods')],
      [rule('*', '', 'pods')],
      ['{APIGroups:[""], Resources:["pods"], Verbs:["*"]}'],
    ],
    [
      'no subresource that a wildcard covers',
      [rule('get', '*', '*/status')],
      [rule('get', 'apps', 'deployments/status')],
      [],
    ],
    [
      'a subresource of a held resource',
      [rule('get', '', 'pods')],
      [rule('get', '', 'pods/exec')],
      ['{APIGroups:[""], Resources:["pods/exec"], Verbs:["get"]}'],
    ],
    ['no path below a held beginning', [urls('get', '/apis/*')], [urls('get', '/apis/x*')], []],
    [
      'a beginning wider than the held one',
      [urls('get', '/apis/*')],
      [urls('get', '/api*')],
      ['{NonResourceURLs:["/api*"], Verbs:["get"]}'],
    ],
  ];
  for (const [name, owned, wanted, expected] of cases) {
    it(`names ${name}`, () => {
      expect(uncoveredRules(owned, wanted).map(describeRule)).to.deep.equal(expected);
    });
  }

  const words = (...list: string[]) =>
    fc.uniqueArray(fc.constantFrom(...list), { minLength: 1, maxLength: 2 });
  const anyRule: fc.Arbitrary<PolicyRule> = fc.record({
    verbs: words('get', 'list', '*'),
    apiGroups: words('', 'apps', '*'),
    resources: words('pods', 'pods/log', '*', '*/log'),
    resourceNames: fc.oneof(fc.constant([]), words('a', 'b')),
  });
  const requests = ['get', 'list', 'watch'].flatMap((verb) =>
    ['core', 'apps', 'demo.io'].flatMap((group) =>
      ['pods', 'pods/log', 'jobs/log', 'jobs'].flatMap((what) =>
        ['', ' a', ' c'].map((name) => request(`${verb} ${group} ${what}${name}`)),
      ),
    ),
  );

  it('never lets a role through that would allow more than is held', () => {
    const rules = fc.array(anyRule, { maxLength: 4 });
    fc.assert(
      fc.property(rules, rules, (owned, wanted) => {
        if (uncoveredRules(owned, wanted).length > 0) return;
        for (const asked of requests) {
          const isWanted = wanted.some((one) => ruleAllows(one, asked));
          expect(!isWanted || owned.some((one) => ruleAllows(one, asked)), JSON.stringify(asked)).to.equal(
            true,
          );
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('compactRules', () => {
  it('joins the verbs of equal rules and leaves others alone', () => {
    const rules = [rule('get', '', 'pods'), rule('get', '', 'pods', 'a'), rule('list', '', 'pods')];
    expect(compactRules(rules).map(describeRule)).to.deep.equal([
      '{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}',
      '{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["get"]}',
    ]);
  });
});
