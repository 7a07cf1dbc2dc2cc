import { expect } from 'chai';
import { builtinResources } from '../../builtin/builtin-resources.js';
import { ResourceRegistry } from '../../registry/resource-registry.js';
import { checkPolicyTypes, type KnownKinds } from './type-check.js';

describe('type checking of policies', () => {
  const registry = new ResourceRegistry();
  registry.set(
    'builtin',
    builtinResources({ profile: 'cluster', kubernetesVersion: { major: 1, minor: 33 } }),
  );
  const kinds: KnownKinds = {
    find: (group, version, resource) => registry.find(group, version, resource),
    findKind: (apiVersion, kind) => registry.findKind('', apiVersion, kind),
  };
  const rule = { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['*'], resources: ['deployments'] };
  const check = (expression: string, rules: object = {}, paramKind?: { apiVersion: string; kind: string }) =>
    checkPolicyTypes(
      {
        matchConstraints: { resourceRules: [{ ...rule, ...rules }] },
        validations: [{ expression }],
        ...(paramKind && { paramKind }),
      },
      kinds,
    );

  it('names the kind, the field and its place', () => {
    expect(check('object.replicas > 1')).to.deep.equal([
      {
        fieldRef: 'spec.validations[0].expression',
        warning:
          "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^\n",
      },
    ]);
  });

  for (const [what, expression, rules] of [
    ['fields that exist', 'object.spec.replicas > 1 && oldObject.metadata.labels.x == ""', {}],
    ['maps with any key', 'object.spec.selector.matchLabels.x == ""', {}],
    ['rules with wildcards', 'object.nonsense', { apiVersions: ['*'] }],
    ['kinds that are not served', 'object.nonsense', { resources: ['rockets', 'deployments/scale'] }],
  ] as const) {
    it(`has nothing against ${what}`, () => {
      expect(check(expression, rules)).to.deep.equal([]);
    });
  }

  it('looks into lists, and at each kind that is matched', () => {
    const [warning] = check('object.spec.template.spec.containers.all(c, c.picture == "")', {
      resources: ['deployments', 'daemonsets'],
    });
    expect(warning?.warning).to.match(/^apps\/v1, Kind=DaemonSet: .*undefined field 'picture'/);
    expect(warning?.warning).to.match(/\napps\/v1, Kind=Deployment: .*undefined field 'picture'/);
  });

  it('looks at the params', () => {
    const [warning] = check('params.date.x == "1"', {}, { apiVersion: 'v1', kind: 'ConfigMap' });
    expect(warning?.warning).to.contain("undefined field 'date'");
  });
});
