import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Revision } from '../storage/store.js';
import type { CachedObject, ListResult } from '../watch-cache/types.js';
import { type SelectOptions, selectInSlices } from './select-in-slices.js';
import { workingClock } from './testing/working-clock.js';
import { sliceMs } from './time-slice.js';

function listOf(count: number, remaining = 0): ListResult {
  const items = Array.from({ length: count }, (_, n): CachedObject => {
    const name = String(n);
    const metadata = { name };
    const object = { apiVersion: 'v1', kind: 'X', metadata };
    return { key: `/x/${n}`, namespace: '', name, revision: 1n as Revision, object, json: Buffer.alloc(0) };
  });
  return { items, revision: 7n as Revision, remaining };
}

const isOdd = ({ name }: CachedObject): boolean => Number(name) % 2 === 1;

describe('selecting in slices', () => {
  const { clock } = createTestEnv();
  const { signal } = new AbortController();
  const options: SelectOptions = { select: isOdd, limit: 0, clock, request: { signal } };

  it('selects what a filter selects, and counts what is behind the last', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(40), fc.nat(12), fc.nat(3), async (count, limit, remaining) => {
        const list = listOf(count, remaining);
        const result = await selectInSlices(list, { ...options, limit });
        const all = list.items.filter(isOdd);
        const expected = limit === 0 ? all : all.slice(0, limit);
        expect(result.items).to.deep.equal(expected);
        const last = expected.at(-1);
        const behind = last === undefined ? count : count - 1 - Number(last.name);
        const isFull = limit > 0 && expected.length === limit;
        expect(result.remaining).to.equal(remaining + (isFull ? behind : 0));
        expect(result.revision).to.equal(list.revision);
      }),
    );
  });

  it('gives way when its time is over', async () => {
    let looked = 0;
    const select = (): boolean => ++looked > 0;
    const slow = { ...options, select, clock: workingClock(clock) };
    const selecting = selectInSlices(listOf(3 * sliceMs), slow);
    expect(looked).to.be.lessThan(sliceMs);
    await clock.advance(0);
    expect(looked).to.equal(3 * sliceMs);
    expect((await selecting).items.length).to.equal(3 * sliceMs);
  });

  it('stops for a client that has gone', async () => {
    const gone = new AbortController();
    let looked = 0;
    const select = (): boolean => ++looked > 0;
    const selecting = selectInSlices(listOf(1000), {
      ...options,
      select,
      clock: workingClock(clock),
      request: gone,
    });
    gone.abort(new Error('gone'));
    const outcome = selecting.then(
      () => 'selected',
      (error: Error) => error.message,
    );
    await clock.advance(0);
    expect(await outcome).to.equal('gone');
    expect(looked).to.be.lessThan(sliceMs);
  });
});
