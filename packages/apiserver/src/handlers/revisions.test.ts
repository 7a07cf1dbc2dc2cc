import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { createMemoryStore } from '../storage/memory-store.js';
import type { Revision } from '../storage/store.js';
import { WatchCache } from '../watch-cache/watch-cache.js';
import { waitForLatest, waitForRevision } from './revisions.js';

describe('a read that has nothing to wait for', () => {
  const { clock } = createTestEnv();
  const store = createMemoryStore();
  const cache = new WatchCache({ store, clock });
  const request = {
    get signal(): AbortSignal {
      throw new Error('a signal was made');
    },
  };
  before(async () => {
    await store.write({
      type: 'put',
      key: '/registry/core/a/b/c',
      value: Buffer.from('{"metadata":{}}'),
      expected: 0n as Revision,
    });
    await cache.start();
  });
  after(() => cache.close());

  it('of a revision that is there makes no signal', () =>
    waitForRevision(cache, cache.currentRevision, request));

  it('of the latest state makes no signal', () => waitForLatest(cache, request));

  it('makes one where it has to wait', async () => {
    const later = (cache.currentRevision + 1n) as Revision;
    const why = await waitForRevision(cache, later, request).catch((error: Error) => error.message);
    expect(why).to.equal('a signal was made');
  });
});
