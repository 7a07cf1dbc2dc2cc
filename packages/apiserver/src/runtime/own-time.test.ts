import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { OwnTime, type OwnTimeOptions } from './own-time.js';

describe('time of a simulated process', () => {
  const env = createTestEnv();
  const { clock } = env;

  function start(options: Partial<OwnTimeOptions> = {}): OwnTime {
    return new OwnTime({
      clock,
      signal: new AbortController().signal,
      startedAtMs: clock.now(),
      finishedAtMs: undefined,
      onFinished: () => undefined,
      onCaughtUp: () => undefined,
      isWatched: () => false,
      ...options,
    });
  }

  /** How often `step` came to its end while so much time passed. */
  async function countIn(ms: number, step: () => Promise<void>): Promise<number> {
    let count = 0;
    let isOver = false;
    const run = async (): Promise<void> => {
      for (; !isOver; count++) await step();
    };
    void run();
    await clock.advance(ms);
    isOver = true;
    return count;
  }

  it('passes at once until the present, then as it does for all', async () => {
    let caughtUp = 0;
    const nowMs = clock.now();
    const time = start({ startedAtMs: nowMs - 5000, onCaughtUp: () => caughtUp++ });
    await time.sleep(4000);
    expect([time.now(), caughtUp]).to.deep.equal([nowMs - 1000, 0]);
    const waiting = time.sleep(3000);
    await clock.advance(1999);
    expect([time.now(), caughtUp]).to.deep.equal([nowMs + 1999, 1]);
    await clock.advance(1);
    await waiting;
  });

  it('remembers one long wait, however long ago it began', async () => {
    const nowMs = clock.now();
    const time = start({ startedAtMs: nowMs - 3_000_000 });
    let isOver = false;
    void time.sleep(3_600_000).then(() => {
      isOver = true;
    });
    await clock.advance(599_000);
    expect(isOver).to.equal(false);
    await clock.advance(1000);
    expect(isOver).to.equal(true);
  });

  it('leaves out most of what came before when it was too much', async () => {
    const time = start({ startedAtMs: clock.now() - 86_400_000 });
    let waits = 0;
    for (const nowMs = clock.now(); time.now() < nowMs - 10; waits++) await time.sleep(10);
    expect(waits).to.be.within(1000, 20_001);
  });

  it('ends where the process ended', async () => {
    const abort = new AbortController();
    const startedAtMs = clock.now() - 10_000;
    const time = start({
      startedAtMs,
      finishedAtMs: startedAtMs + 2000,
      signal: abort.signal,
      onFinished: () => abort.abort(new Error('over')),
    });
    await time.sleep(1000);
    const failure = await time.sleep(1000).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error).with.property('message', 'over');
    expect(time.now()).to.equal(startedAtMs + 2000);
  });

  it('slows a loop down that never waits, unless somebody watches it', async () => {
    const hidden = start();
    expect(await countIn(600_000, () => hidden.pause())).to.be.lessThan(400);
    const watched = start({ isWatched: () => true });
    expect(await countIn(1000, () => watched.pause())).to.be.greaterThan(900);
    const waiting = start();
    const step = async (): Promise<void> => {
      await waiting.pause();
      await waiting.sleep(9);
      await waiting.sleep(10);
    };
    expect(await countIn(20_000, step)).to.be.within(990, 1001);
  });
});
