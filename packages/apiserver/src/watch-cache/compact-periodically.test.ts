import { createVirtualClock } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { createMemoryStore } from '../storage/memory-store.js';
import type { Revision } from '../storage/store.js';
import { compactPeriodically } from './compact-periodically.js';

describe('compactPeriodically', () => {
  const minute = 60_000;

  it('forgets what is older than it is told to keep, and stops when aborted', async () => {
    const clock = createVirtualClock();
    const store = createMemoryStore();
    const abort = new AbortController();
    const running = compactPeriodically({
      store,
      clock,
      signal: abort.signal,
      keepMs: 5 * minute,
      intervalMs: minute,
    });
    for (let i = 0; i < 12; i++) {
      await clock.advance(minute / 2);
      await store.write({ type: 'put', key: `/${i}`, value: Buffer.from('x'), expected: 0n as Revision });
      await clock.advance(minute / 2);
      const newest = await store.revision();
      const compacted = await store.compactedRevision();
      // One write a minute: five to six of them are kept.
      if (i >= 5) expect(Number(newest - compacted)).to.be.within(5, 6);
      else expect(compacted <= 1n).to.equal(true);
    }
    abort.abort();
    await running;
  });

  it('goes on after a failure', async () => {
    const clock = createVirtualClock();
    const store = createMemoryStore();
    const compact = store.compact.bind(store);
    let calls = 0;
    store.compact = async (revision) => {
      if (++calls === 1) throw new Error('the disk is full');
      await compact(revision);
    };
    await store.write({ type: 'put', key: '/a', value: Buffer.from('x'), expected: 0n as Revision });
    const abort = new AbortController();
    const running = compactPeriodically({
      store,
      clock,
      signal: abort.signal,
      keepMs: 0,
      intervalMs: minute,
    });
    await clock.advance(3 * minute);
    expect(await store.compactedRevision()).to.equal(2n);
    abort.abort();
    await running;
  });
});
