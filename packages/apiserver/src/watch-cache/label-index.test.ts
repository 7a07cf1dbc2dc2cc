import { expect } from 'chai';
import fc from 'fast-check';
import { compareKeys } from '../storage/keys.js';
import { LabelIndex } from './label-index.js';

interface Item {
  readonly key: string;
  readonly json: Buffer;
}

const label = 'a.io/tier';
const value = fc.constantFrom(
  'high',
  'low',
  '',
  'x',
  'a"b',
  'back\\slash',
  'ü',
  'y'.repeat(63),
  'z'.repeat(64),
);
/** The label, and all that only looks like it. */
const body = fc.record(
  {
    labels: fc.dictionary(fc.constantFrom(label, 'tier', 'xa.io/tier'), value, { maxKeys: 2 }),
    annotations: fc.dictionary(fc.constantFrom(label, 'note'), value, { maxKeys: 2 }),
    text: fc.constantFrom(`"${label}":"high"`, `\\"${label}":"low"`, `{"${label}":"x"}`),
    other: fc.constantFrom({ [label]: 5 }, { [label]: { tier: 'high' } }, { [label]: ['low'] }),
  },
  { requiredKeys: [] },
);
const step = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  body: fc.option(body, { nil: undefined }),
});

describe('an index of a label', () => {
  it('finds what a search of all bytes finds, whatever was written, changed and deleted', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const index = new LabelIndex<Item>(label);
        const items = new Map<string, Item>();
        for (const { name, body: written } of steps) {
          const previous = items.get(name);
          if (written !== undefined) {
            const item = { key: name, json: Buffer.from(JSON.stringify(written)) };
            index.set(item, previous);
            items.set(name, item);
          } else if (previous !== undefined) {
            index.delete(previous);
            items.delete(name);
          }
          for (const wanted of ['high', 'low', '', 'x', 'a"b', 'back\\slash', 'ü', 'y'.repeat(63), 'none']) {
            const mark = `${JSON.stringify(label)}:${JSON.stringify(wanted)}`;
            const expected = [...items.values()]
              .filter(({ json }) => json.includes(mark))
              .sort((a, b) => compareKeys(a.key, b.key));
            expect(index.find(wanted)).to.deep.equal(expected);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('keeps nothing of values that no label can have', () => {
    const index = new LabelIndex<Item>(label);
    const long = 'z'.repeat(64);
    index.set({ key: 'a', json: Buffer.from(JSON.stringify({ [label]: long })) }, undefined);
    expect(index.find(long)).to.deep.equal([]);
  });
});
