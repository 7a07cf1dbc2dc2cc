import type { IgnoreField, KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { IgnoreFieldError, keepLiveFields, removeIgnoredFields } from './ignore-fields.js';

function deployment(replicas: number, env: readonly string[] = ['a', 'b']): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', annotations: { 'a/b': 'x' } },
    spec: {
      replicas,
      containers: [
        { name: 'one', env: env.map((name) => ({ name, value: name })) },
        { name: 'two', env: [] },
      ],
    },
  };
}

const ignore = (field: Omit<IgnoreField, 'condition'>): IgnoreField[] => [
  { condition: 'OnSpokePresent', ...field },
];

const specOf = (object: KubeObject): Record<string, unknown> => object['spec'] as Record<string, unknown>;

describe('ignored fields', () => {
  it('gives up on a path that leads to more places than there is time for', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 300; level++) deep = { a: deep };
    const object = { ...deployment(1), data: deep };
    const ignored = ignore({ jsonPaths: ['..a..a..a..a'] });
    expect(() => removeIgnoredFields(object, ignored)).to.throw(IgnoreFieldError, 'looks at too many values');
  });

  const cases: [string, Omit<IgnoreField, 'condition'>, (object: KubeObject) => unknown, unknown][] = [
    ['a JSON path', { jsonPaths: ['.spec.replicas'] }, (o) => specOf(o)['replicas'], undefined],
    ['a JSON path that leads nowhere', { jsonPaths: ['.spec.x.y'] }, (o) => specOf(o)['replicas'], 3],
    [
      'a JSON path into a list',
      { jsonPaths: ['.spec.containers[*].env'] },
      (o) => specOf(o)['containers'],
      [{ name: 'one' }, { name: 'two' }],
    ],
    [
      'a JSON path to a list item, which stays',
      { jsonPaths: ['.spec.containers[0]'] },
      (o) => (specOf(o)['containers'] as unknown[]).length,
      2,
    ],
    ['a JSON pointer', { jsonPointers: ['/metadata/annotations/a~1b'] }, (o) => o.metadata.annotations, {}],
    [
      'a JSON pointer to a list item',
      { jsonPointers: ['/spec/containers/0'] },
      (o) => specOf(o)['containers'],
      [{ name: 'two', env: [] }],
    ],
    [
      'a jq path with a selection',
      { jqPathExpressions: ['.spec.containers[] | select(.name == "one") | .env'] },
      (o) => specOf(o)['containers'],
      [{ name: 'one' }, { name: 'two', env: [] }],
    ],
    [
      'a jq path to all list items',
      { jqPathExpressions: ['.spec.containers[]'] },
      (o) => specOf(o)['containers'],
      [],
    ],
  ];
  for (const [what, field, look, expected] of cases) {
    it(`are removed by ${what}`, () => {
      const object = deployment(3);
      expect(look(removeIgnoredFields(object, ignore(field)))).to.deep.equal(expected);
      expect(object).to.deep.equal(deployment(3));
    });
  }

  for (const field of [
    { jsonPaths: ['.spec['] },
    { jsonPointers: ['spec'] },
    { jqPathExpressions: ['.a | reduce'] },
  ]) {
    it(`are told of when they cannot be read: ${JSON.stringify(field)}`, () => {
      expect(() => removeIgnoredFields(deployment(1), ignore(field))).to.throw(IgnoreFieldError);
    });
  }

  it('keep what the cluster made of them, but for those inside lists', () => {
    const fields = ignore({ jsonPaths: ['.spec.replicas', '.spec.containers[*].env'] });
    const kept = keepLiveFields(deployment(3), deployment(7, ['c']), fields);
    expect(specOf(kept)).to.deep.equal({ replicas: 7, containers: [{ name: 'one' }, { name: 'two' }] });
  });

  it('are removed once though two paths lead to the same list item', () => {
    const fields = ignore({
      jsonPointers: ['/spec/containers/0'],
      jqPathExpressions: ['.spec.containers[0], .spec.containers[] | select(.name == "one")'],
    });
    const left = specOf(removeIgnoredFields(deployment(3), fields))['containers'];
    expect(left).to.deep.equal([{ name: 'two', env: [] }]);
  });
});
