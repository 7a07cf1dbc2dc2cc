import type { Transport, TransportResponse } from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { createHubClock } from './hub-clock.js';

describe("the hub's clock", () => {
  let env: TestEnv;
  beforeEach(() => {
    env = createTestEnv();
  });

  /** Answers as a hub whose clock is behind by so much. */
  function answering(
    behindMs: number,
    { tookMs = 0, date }: { tookMs?: number; date?: string } = {},
  ): Transport {
    return {
      request: async () => {
        if (tookMs > 0) await env.clock.advance(tookMs);
        const headers = { date: date ?? new Date(env.clock.now() - behindMs).toUTCString() };
        return { status: 200, headers } as unknown as TransportResponse; // nobody reads its body
      },
      close: async () => undefined,
    };
  }
  const ask = (transport: Transport) => transport.request({ method: 'GET', path: '/version' });

  it("is this machine's until the hub has answered", () => {
    expect(createHubClock(env).now()).to.equal(env.clock.now());
  });

  for (const behindMs of [3_600_000, -3_600_000, 90_000]) {
    it(`is measured by its answers: ${behindMs} ms`, async () => {
      const hubClock = createHubClock(env);
      await ask(hubClock.watching(answering(behindMs)));
      expect(Math.abs(hubClock.aheadMs - behindMs)).to.be.at.most(1000);
      expect(hubClock.now()).to.equal(env.clock.now() - hubClock.aheadMs);
    });
  }

  it('is not taken from what a header cannot tell, and follows a clock that is mended', async () => {
    const hubClock = createHubClock(env);
    await ask(hubClock.watching(answering(1500)));
    expect(hubClock.aheadMs).to.equal(0);
    await ask(hubClock.watching(answering(3_600_000, { date: 'yesterday' })));
    await ask(hubClock.watching(answering(3_600_000, { tookMs: 11_000 })));
    expect(hubClock.aheadMs).to.equal(0);
    await ask(hubClock.watching(answering(3_600_000)));
    await ask(hubClock.watching(answering(0)));
    expect(hubClock.aheadMs).to.equal(0);
  });
});
