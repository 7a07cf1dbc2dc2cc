import { expect } from 'chai';
import { pruneObjectMeta, validateObjectMeta } from './object-meta.js';

const cases: readonly (readonly [unknown, string | undefined])[] = [
  [{ name: 'a', labels: { a: 'b' }, creationTimestamp: null, generation: 1 }, undefined],
  [undefined, undefined],
  ['text', 'json: cannot unmarshal string into Go struct field ObjectMeta.metadata of type v1.ObjectMeta'],
  [{ name: 5 }, 'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string'],
  [
    { labels: { a: true } },
    'json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string',
  ],
  [
    { labels: [] },
    'json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string',
  ],
  [
    { finalizers: 'x' },
    'json: cannot unmarshal string into Go struct field ObjectMeta.metadata.finalizers of type []string',
  ],
  [
    { ownerReferences: [{ controller: 'yes' }] },
    'json: cannot unmarshal string into Go struct field ObjectMeta.metadata.ownerReferences.controller of type bool',
  ],
  [
    { generation: 1.5 },
    'json: cannot unmarshal number 1.5 into Go struct field ObjectMeta.metadata.generation of type int64',
  ],
  [
    { creationTimestamp: 'yesterday' },
    'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as a time',
  ],
];

describe('validateObjectMeta', () => {
  for (const [metadata, expected] of cases) {
    it(`${expected === undefined ? 'accepts' : 'refuses'} ${JSON.stringify(metadata)}`, () => {
      expect(validateObjectMeta(metadata)).to.equal(expected);
    });
  }
});

describe('pruneObjectMeta', () => {
  it('drops nulls, but makes them empty values in maps and lists', () => {
    const metadata = { name: null, labels: { a: null, b: 'c' }, finalizers: [null], ownerReferences: [null] };
    expect(pruneObjectMeta(metadata)).to.deep.equal([]);
    expect(metadata).to.deep.equal({ labels: { a: '', b: 'c' }, finalizers: [''], ownerReferences: [{}] });
  });
});
