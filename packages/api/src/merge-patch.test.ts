import { expect } from 'chai';
import fc from 'fast-check';
import { clone, equal, isObject, type JsonObject } from './json.js';
import { applyMergePatch, createMergePatch } from './merge-patch.js';

const key = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor');
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(0, 1, 'x', true),
    fc.array(tie('value'), { maxLength: 2 }),
    fc.dictionary(key, tie('value'), { maxKeys: 3 }),
  ),
}));
const object = fc.dictionary(key, value, { maxKeys: 4 }) as fc.Arbitrary<JsonObject>;

describe('merge patch', () => {
  // The examples of RFC 7386, appendix A.
  const examples: [unknown, unknown, unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, want] of examples) {
    it(`${JSON.stringify(target)} with ${JSON.stringify(patch)}`, () => {
      expect(applyMergePatch(target, patch)).to.deep.equal(want);
    });
  }

  it('shares what it does not touch, and answers the target when nothing changes', () => {
    const target = { a: { x: 1 }, b: { y: 2 } };
    const patched = applyMergePatch(target, { a: { x: 2 } }) as typeof target;
    expect(patched).to.deep.equal({ a: { x: 2 }, b: { y: 2 } });
    expect(patched.b).to.equal(target.b);
    expect(target.a.x).to.equal(1);
    expect(applyMergePatch(target, { a: { x: 1, z: null }, b: {} })).to.equal(target);
  });

  it('does not touch the prototype', () => {
    const patched = applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":1}}')) as JsonObject;
    expect(Object.hasOwn(patched, '__proto__')).to.equal(true);
    expect(({} as JsonObject)['polluted']).to.equal(undefined);
  });

  it('is made so that it leads from one object to the other, and is empty between equals', () => {
    fc.assert(
      fc.property(object, object, (from, to) => {
        const copy = clone(from);
        const patch = createMergePatch(from, to);
        expect(equal(applyMergePatch(from, patch), to)).to.equal(true);
        expect(equal(from, copy)).to.equal(true);
        expect(Object.keys(createMergePatch(to, clone(to)))).to.deep.equal([]);
      }),
    );
  });

  it('is minimal: it holds no value that is there already', () => {
    const minimal = (from: unknown, patch: unknown): boolean =>
      isObject(patch) && isObject(from)
        ? Object.keys(patch).every((name) =>
            patch[name] === null ? Object.hasOwn(from, name) : minimal(from[name], patch[name]),
          )
        : !equal(from, patch);
    fc.assert(
      fc.property(object, object, (from, to) => {
        const patch = createMergePatch(from, to);
        expect(Object.keys(patch).length === 0 || minimal(from, patch)).to.equal(true);
      }),
    );
    expect(
      createMergePatch({ a: 1, b: undefined, c: { d: 1, e: [1] } }, { a: 1, c: { e: [2] }, f: {} }),
    ).to.deep.equal({ c: { d: null, e: [2] }, f: {} });
  });
});
