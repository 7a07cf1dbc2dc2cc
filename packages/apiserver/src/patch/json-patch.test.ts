import { StatusError } from '@flotilla/api';
import { expect } from 'chai';
import { applyJsonPatch, maxJsonPatchOperations } from './json-patch.js';

const object = { spec: { list: ['a', 'b'], 'x/y~z': 1 } };

describe('applyJsonPatch', () => {
  const good: { name: string; patch: object[]; want: object }[] = [
    {
      name: 'adds to the end and in the middle of a list',
      patch: [
        { op: 'add', path: '/spec/list/-', value: 'd' },
        { op: 'add', path: '/spec/list/1', value: 'c' },
      ],
      want: { spec: { list: ['a', 'c', 'b', 'd'], 'x/y~z': 1 } },
    },
    {
      name: 'reads escaped keys',
      patch: [{ op: 'replace', path: '/spec/x~1y~0z', value: 2 }],
      want: { spec: { list: ['a', 'b'], 'x/y~z': 2 } },
    },
    {
      name: 'removes, moves, copies and tests',
      patch: [
        { op: 'test', path: '/spec/list', value: ['a', 'b'] },
        { op: 'copy', from: '/spec/list', path: '/copy' },
        { op: 'move', from: '/spec/list/0', path: '/spec/first' },
        { op: 'remove', path: '/spec/x~1y~0z' },
      ],
      want: { spec: { list: ['b'], first: 'a' }, copy: ['a', 'b'] },
    },
    { name: 'replaces the whole', patch: [{ op: 'replace', path: '', value: { a: 1 } }], want: { a: 1 } },
    { name: 'does nothing', patch: [], want: object },
  ];
  for (const { name, patch, want } of good) {
    it(name, () => {
      const before = JSON.stringify([object, patch]);
      expect(applyJsonPatch(object, patch)).to.deep.equal(want);
      expect(JSON.stringify([object, patch])).to.equal(before);
    });
  }

  const bad: { name: string; patch: unknown; code: number; text: string }[] = [
    { name: 'an object', patch: {}, code: 400, text: 'must be an array' },
    { name: 'a scalar operation', patch: [1], code: 400, text: 'operation 0 must be an object' },
    { name: 'an unknown op', patch: [{ op: 'x', path: '/a' }], code: 400, text: 'unknown op "x"' },
    { name: 'no path', patch: [{ op: 'remove' }], code: 400, text: 'JSON pointer in path' },
    { name: 'no from', patch: [{ op: 'move', path: '/a' }], code: 400, text: 'JSON pointer in from' },
    { name: 'no value', patch: [{ op: 'add', path: '/a' }], code: 400, text: 'needs a value' },
    {
      name: 'a failing test',
      patch: [{ op: 'test', path: '/spec/list/0', value: 'z' }],
      code: 422,
      text: 'Test operation failed',
    },
    {
      name: 'a missing parent',
      patch: [{ op: 'add', path: '/no/where', value: 1 }],
      code: 422,
      text: 'path',
    },
    { name: 'a missing target', patch: [{ op: 'remove', path: '/nowhere' }], code: 422, text: 'path' },
    {
      name: 'an index beyond',
      patch: [{ op: 'add', path: '/spec/list/9', value: 1 }],
      code: 422,
      text: 'index',
    },
    {
      name: 'a scalar outcome',
      patch: [{ op: 'replace', path: '', value: 1 }],
      code: 422,
      text: 'JSON object',
    },
    {
      name: 'the prototype',
      patch: [{ op: 'add', path: '/__proto__/polluted', value: 1 }],
      code: 422,
      text: '__proto__',
    },
    {
      name: 'too many operations',
      patch: Array.from({ length: maxJsonPatchOperations + 1 }, () => ({ op: 'test', path: '', value: 1 })),
      code: 413,
      text: 'allowed maximum operations',
    },
  ];
  for (const { name, patch, code, text } of bad) {
    it(`refuses ${name}`, () => {
      expect(() => applyJsonPatch(object, patch))
        .to.throw(StatusError, text)
        .with.property('code', code);
      expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined);
    });
  }
});
