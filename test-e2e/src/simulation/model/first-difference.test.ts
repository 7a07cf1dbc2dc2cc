import { expect } from 'chai';
import { firstDifference } from './first-difference.js';

describe('first difference', () => {
  const cases: readonly [want: unknown, have: unknown, path: string | undefined][] = [
    [{ a: 1 }, { a: 1, b: 2 }, undefined],
    [{ a: 1 }, { b: 2 }, 'a'],
    [{ a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 2, d: 3 }] } }, undefined],
    [{ a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 3 }] } }, 'a.b[1].c'],
    [{ a: [1] }, { a: [1, 2] }, 'a'],
    [{ a: [1, 2] }, { a: [1] }, 'a'],
    [{ a: [] }, {}, 'a'],
    [{ a: {} }, { a: 'text' }, 'a'],
    [{ 'sim.example/token': 'x' }, { 'sim.example/token': 'y' }, 'sim.example/token'],
  ];
  for (const [want, have, path] of cases) {
    it(`of ${JSON.stringify(want)} in ${JSON.stringify(have)} is ${path ?? 'none'}`, () => {
      expect(firstDifference(want, have)).to.equal(path);
    });
  }
});
