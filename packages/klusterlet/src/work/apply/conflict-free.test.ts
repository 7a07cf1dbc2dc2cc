import { newStatusError } from '@flotilla/api';
import { expect } from 'chai';
import { conflictingFields, withoutFields } from './conflict-free.js';

const manifest = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', labels: { a: '1', 'a.b/c': '2' } },
  spec: {
    replicas: 3,
    template: {
      spec: {
        containers: [
          { name: 'x', image: 'one', ports: [{ containerPort: 80 }, { containerPort: 81, name: 'more' }] },
          { name: 'y"]', image: 'two' },
        ],
      },
    },
  },
  finalizers: ['one', 'two'],
};
const containers = '.spec.template.spec.containers';

describe('without fields in conflict', () => {
  const cases: [field: string, left: (copy: typeof manifest) => void][] = [
    ['.spec.replicas', ({ spec }) => Reflect.deleteProperty(spec, 'replicas')],
    ['.metadata.labels.a', ({ metadata }) => Reflect.deleteProperty(metadata.labels, 'a')],
    ['.metadata.labels.a.b/c', ({ metadata }) => Reflect.deleteProperty(metadata.labels, 'a.b/c')],
    [
      `${containers}[name="x"].image`,
      ({ spec }) => Reflect.deleteProperty(spec.template.spec.containers[0] ?? {}, 'image'),
    ],
    [
      `${containers}[name="y\\"]"].image`,
      ({ spec }) => Reflect.deleteProperty(spec.template.spec.containers[1] ?? {}, 'image'),
    ],
    [
      `${containers}[name="x"].ports[containerPort=81,protocol="TCP"].name`,
      ({ spec }) => Reflect.deleteProperty(spec.template.spec.containers[0]?.ports?.[1] ?? {}, 'name'),
    ],
    [`${containers}[name="x"].ports[0]`, ({ spec }) => spec.template.spec.containers[0]?.ports?.shift()],
    [`${containers}[name="x"]`, ({ spec }) => spec.template.spec.containers.shift()],
    ['.finalizers[="two"]', ({ finalizers }) => finalizers.pop()],
  ];
  for (const [field, takeAway] of cases) {
    it(`leaves out ${field}, and the manifest as it is`, () => {
      const before = JSON.stringify(manifest);
      const expected = JSON.parse(before) as typeof manifest;
      takeAway(expected);
      expect(withoutFields(manifest, [field])).to.deep.equal(expected);
      expect(JSON.stringify(manifest)).to.equal(before);
    });
  }

  for (const field of [
    '.spec.paused',
    `${containers}[name="z"].image`,
    '.spec.replicas[0]',
    '',
    '[',
    '.spec.',
  ]) {
    it(`gives up where ${JSON.stringify(field)} is not in it`, () => {
      expect(withoutFields(manifest, ['.spec.replicas', field])).to.equal(undefined);
    });
  }

  it('tells conflicts of fields from other errors', () => {
    const causes = [{ reason: 'FieldManagerConflict', message: 'conflict with "x"', field: '.data.a' }];
    const conflict = newStatusError(409, 'Conflict', { message: 'no', details: { causes } });
    expect(conflictingFields(conflict)).to.deep.equal(['.data.a']);
    expect(conflictingFields(newStatusError(409, 'Conflict', { message: 'no' }))).to.equal(undefined);
    expect(conflictingFields(new Error('no'))).to.equal(undefined);
  });
});
