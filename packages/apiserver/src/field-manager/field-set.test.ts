import { equal } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  difference,
  type FieldSet,
  formatPath,
  hasPath,
  intersection,
  leaf,
  leavesOf,
  parseFieldsV1,
  pathsOf,
  recursiveDifference,
  setOfPath,
  toFieldsV1,
  union,
} from './field-set.js';

const element = fc.constantFrom(
  'f:a',
  'f:b',
  'f:c',
  'k:{"name":"x"}',
  'k:{"name":"y"}',
  'v:"m"',
  'v:2',
  'i:0',
);
const path = fc.array(element, { minLength: 1, maxLength: 4 });
const paths = fc.array(path, { maxLength: 12 });
const build = (list: readonly string[][]): FieldSet | undefined =>
  list.reduce<FieldSet | undefined>((set, one) => union(set, setOfPath(one)), undefined);
const key = (set: FieldSet | undefined): string[] =>
  pathsOf(set)
    .map((one) => one.join('/'))
    .sort();
const set = (list: readonly string[][]): Set<string> => new Set(list.map((one) => one.join('/')));

describe('field set', () => {
  it('agrees with plain sets of paths in union, difference and intersection', () => {
    fc.assert(
      fc.property(paths, paths, (a, b) => {
        const [x, y] = [build(a), build(b)];
        const [p, q] = [set(a), set(b)];
        expect(key(union(x, y))).to.deep.equal([...new Set([...p, ...q])].sort());
        expect(key(difference(x, y))).to.deep.equal([...p].filter((one) => !q.has(one)).sort());
        expect(key(intersection(x, y))).to.deep.equal([...p].filter((one) => q.has(one)).sort());
        const below = (one: string): boolean => [...q].some((r) => one === r || one.startsWith(`${r}/`));
        expect(key(recursiveDifference(x, y))).to.deep.equal([...p].filter((one) => !below(one)).sort());
      }),
    );
  });

  it('has one form for one set of paths, whatever way it was built', () => {
    fc.assert(
      fc.property(paths, (list) => {
        const forward = build(list);
        const backward = build([...list].reverse());
        expect(JSON.stringify(forward)).to.equal(JSON.stringify(backward));
        expect(JSON.stringify(parseFieldsV1(toFieldsV1(forward)))).to.equal(JSON.stringify(forward));
      }),
    );
  });

  it('answers the same reference when nothing is taken away or added', () => {
    fc.assert(
      fc.property(paths, paths, (a, b) => {
        const [x, y] = [build(a), build(b)];
        const rest = difference(x, y);
        expect(difference(rest, y)).to.equal(rest);
        const all = union(x, y);
        expect(union(all, y)).to.satisfy((other: FieldSet | undefined) => equal(other, all));
      }),
    );
  });

  it('writes members before their children and elements in the order of Kubernetes', () => {
    const built = build([
      ['f:z'],
      ['v:"b"'],
      ['i:10'],
      ['i:9'],
      ['k:{"port":443}'],
      ['k:{"port":80}', 'f:port'],
      ['k:{"port":80}'],
      ['f:a', 'f:b'],
    ]);
    expect(JSON.stringify(built)).to.equal(
      '{"f:a":{"f:b":{}},"f:z":{},"k:{\\"port\\":80}":{".":{},"f:port":{}},"k:{\\"port\\":443}":{},"v:\\"b\\"":{},"i:9":{},"i:10":{}}',
    );
  });

  it('brings what a client sends into one spelling', () => {
    const sent = { 'k:{"b": 1, "a": "<x>"}': { '.': {} }, 'f:x': { 'f:y': {}, '.': {} } };
    expect(JSON.stringify(parseFieldsV1(sent))).to.equal(
      '{"f:x":{".":{},"f:y":{}},"k:{\\"a\\":\\"\\\\u003cx\\\\u003e\\",\\"b\\":1}":{}}',
    );
    expect(parseFieldsV1({})).to.equal(undefined);
    for (const bad of [{ x: {} }, { 'k:{': {} }, { 'f:a': 1 }, [], null, { 'i:x': {} }]) {
      expect(() => parseFieldsV1(bad)).to.throw('fieldsV1');
    }
  });

  it('knows members, leaves and printed paths', () => {
    const built = build([['f:a'], ['f:a', 'f:b'], ['f:c', 'k:{"name":"x","port":1}', 'v:"s"', 'i:3']]);
    expect(hasPath(built, ['f:a'])).to.equal(true);
    expect(hasPath(built, ['f:c'])).to.equal(false);
    expect(hasPath(built, [])).to.equal(false);
    expect(hasPath(undefined, ['f:a'])).to.equal(false);
    expect(key(leavesOf(built))).to.deep.equal(['f:a/f:b', 'f:c/k:{"name":"x","port":1}/v:"s"/i:3']);
    expect(pathsOf(built).map(formatPath)).to.deep.equal(['.a', '.a.b', '.c[name="x",port=1][="s"][3]']);
    expect(pathsOf(leaf)).to.deep.equal([]);
  });
});
