import { expect } from 'chai';
import { createTestEnv } from '../testing/index.js';
import { createRateLimitedTransport } from './rate-limited-transport.js';
import type { Transport } from './transport.js';

describe('createRateLimitedTransport', () => {
  it('lets a burst through, then so many in a second, in order', async () => {
    const { clock } = createTestEnv();
    const startMs = clock.monotonicMs();
    const seen: [path: string, atMs: number][] = [];
    const inner: Transport = {
      request: ({ path }) => {
        seen.push([path, clock.monotonicMs() - startMs]);
        return Promise.reject(new Error('not of interest'));
      },
      close: () => Promise.resolve(),
    };
    const limited = createRateLimitedTransport(inner, { qps: 10, burst: 2, clock });
    const ask = (path: string) => limited.request({ method: 'GET', path }).catch(() => undefined);
    const all = Promise.all(['a', 'b', 'c', 'd'].map(ask));
    await clock.advance(1000);
    await all;
    await ask('e');
    expect(seen).to.deep.equal([
      ['a', 0],
      ['b', 0],
      ['c', 100],
      ['d', 200],
      ['e', 1000],
    ]);
  });
});
