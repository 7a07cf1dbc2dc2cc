import { expect } from 'chai';
import { negotiate } from './negotiate.js';

describe('negotiate', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const cases: [string, string | undefined, object][] = [
    ['no header means JSON', undefined, { as: 'object', yaml: false }],
    ['*/* means JSON', '*/*', { as: 'object', yaml: false }],
    [
      'protobuf first falls through to JSON',
      'application/vnd.kubernetes.protobuf,application/json',
      { as: 'object' },
    ],
    ['a Table as kubectl asks for it', `${table},application/json`, { as: 'Table', tableVersion: 'v1' }],
    ['yaml', 'application/yaml', { as: 'object', yaml: true }],
    ['q values order the ranges', 'application/json;q=0.1,application/yaml', { yaml: true }],
    [
      'unknown representations are skipped',
      'application/json;as=X;g=y;v=z,application/json',
      { as: 'object' },
    ],
  ];
  for (const [name, header, expected] of cases) {
    it(name, () => expect(negotiate(header)).to.include(expected));
  }
  it('refuses what it cannot write with 406', () => {
    expect(() => negotiate('text/html'))
      .to.throw()
      .with.nested.property('status.code', 406);
  });
});
