import { expect } from 'chai';
import { sleep } from '../env/env.js';
import { createTestEnv } from '../testing/test-env.js';
import { createController, TerminalError } from './controller.js';
import { spawn } from './spawn.js';

describe('controller', () => {
  it('works on several keys at a time and on one key once at a time', async () => {
    const env = createTestEnv();
    const running = new Map<string, number>();
    let most = 0;
    const seen: string[] = [];
    const controller = createController({
      name: 'test',
      env,
      concurrency: 3,
      reconcile: async (key) => {
        running.set(key, (running.get(key) ?? 0) + 1);
        expect(running.get(key)).to.equal(1);
        most = Math.max(
          most,
          [...running.values()].reduce((sum, count) => sum + count, 0),
        );
        await sleep(env.clock, 10);
        running.set(key, 0);
        seen.push(key);
      },
    });
    for (let i = 0; i < 9; i++) controller.enqueue(`key-${i % 5}`);
    controller.start();
    await env.clock.advance(5);
    controller.enqueue('key-0');
    await env.clock.runAll();
    await controller.idle();
    expect(most).to.equal(3);
    expect(seen.length).to.equal(6);
    await controller.close();
  });

  it('retries what failed with growing delay, logs each decision once, and forgets after success', async () => {
    const env = createTestEnv();
    const at: number[] = [];
    const controller = createController({
      name: 'test',
      env,
      baseDelayMs: 100,
      maxDelayMs: 300,
      reconcile: async () => {
        at.push(env.clock.monotonicMs());
        if (at.length < 5) throw new Error('not yet');
      },
    });
    controller.enqueue('a');
    controller.start();
    await env.clock.runAll();
    expect(at).to.deep.equal([0, 100, 300, 600, 900]);
    const logged = env.log
      .find('reconcile failed')
      .map(({ fields }) => [fields['failures'], fields['retryInMs']]);
    expect(logged).to.deep.equal([
      [1, 100],
      [2, 200],
      [3, 300],
      [4, 300],
    ]);
    expect(controller.stats()).to.deep.include({ reconciled: 1, failed: 4, ready: 0, delayed: 0, active: 0 });
    await controller.close();
  });

  it('does not retry a terminal error until the key changes', async () => {
    const env = createTestEnv();
    let runs = 0;
    const controller = createController({
      name: 'test',
      env,
      reconcile: async () => {
        runs++;
        throw new TerminalError('cannot ever work');
      },
    });
    controller.start();
    controller.enqueue('a');
    await env.clock.runAll();
    expect(runs).to.equal(1);
    expect(env.log.find('reconcile failed for good').length).to.equal(1);
    controller.enqueue('a');
    await env.clock.runAll();
    expect(runs).to.equal(2);
    await controller.close();
  });

  it('comes back when asked to', async () => {
    const env = createTestEnv();
    const at: number[] = [];
    const controller = createController({
      name: 'test',
      env,
      reconcile: async () => {
        at.push(env.clock.monotonicMs());
        return at.length < 3 ? { requeueAfterMs: 1000 } : undefined;
      },
    });
    controller.start();
    controller.enqueueAfter('a', 500);
    await env.clock.runAll();
    expect(at).to.deep.equal([500, 1500, 2500]);
    await controller.close();
  });

  it('aborts what is running when its signal does, and closes after it returned', async () => {
    const env = createTestEnv();
    const stop = new AbortController();
    let ended = false;
    const controller = createController({
      name: 'test',
      env,
      reconcile: async (_key, { signal }) => {
        await sleep(env.clock, 60_000, signal).finally(() => {
          ended = true;
        });
      },
    });
    controller.start(stop.signal);
    controller.enqueue('a');
    await env.clock.settle();
    stop.abort(new Error('shutdown'));
    await controller.close();
    expect(ended).to.equal(true);
    expect(env.log.entries).to.deep.equal([]);
    expect(env.clock.pending).to.equal(0);
  });

  it('says once when keys are lost for want of room', async () => {
    const env = createTestEnv();
    const controller = createController({ name: 'test', env, maxKeys: 1, reconcile: async () => undefined });
    for (const key of ['a', 'b', 'c']) controller.enqueue(key);
    expect(env.log.find('work queue is full, keys are dropped').length).to.equal(1);
    expect(controller.stats().refused).to.equal(2);
    await controller.close();
  });
});

describe('spawn', () => {
  it('logs a failure and tells of it, and keeps silent about an expected end', async () => {
    const { log } = createTestEnv();
    const failures: unknown[] = [];
    const fail = async (): Promise<void> => {
      throw new Error('broken');
    };
    await spawn('task', fail, { log, onFailure: (error) => failures.push(error) }).done;
    expect(log.find('background task failed').map(({ fields }) => fields['task'])).to.deep.equal(['task']);
    expect(failures.length).to.equal(1);
    const stop = new AbortController();
    stop.abort(new Error('shutdown'));
    await spawn('task', async () => stop.signal.throwIfAborted(), { log, signal: stop.signal }).done;
    expect(log.entries.length).to.equal(1);
  });
});
