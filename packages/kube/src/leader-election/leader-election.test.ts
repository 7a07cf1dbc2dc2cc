import { type KubeObject, newAlreadyExists, newConflict, newNotFound, newStatusError } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { createStopController, onAbort } from '../env/abort.js';
import { sleep } from '../env/env.js';
import { createSeededRandom } from '../testing/seeded-random.js';
import { createTestEnv, type TestEnv } from '../testing/test-env.js';
import { type LeaderElectionOptions, runElected } from './leader-election.js';

const lease = { namespace: 'kube-system', name: 'test' };
const ref = { group: 'coordination.k8s.io', resource: 'leases', name: lease.name };

/** One lease behind compare-and-set. */
class LeaseServer {
  stored: KubeObject | undefined;
  #revision = 1;

  read(): KubeObject {
    if (this.stored === undefined) throw newNotFound(ref);
    return this.stored;
  }

  write(object: KubeObject, isCreate: boolean): KubeObject {
    if (isCreate && this.stored !== undefined) throw newAlreadyExists(ref);
    if (!isCreate && object.metadata.resourceVersion !== this.read().metadata.resourceVersion)
      throw newConflict(ref, 'the object has been modified');
    this.#revision++;
    const resourceVersion = String(this.#revision);
    this.stored = { ...object, metadata: { ...object.metadata, resourceVersion } };
    return this.stored;
  }
}

interface Link {
  cut: boolean;
  /** How long each way takes, and whether the answer gets lost. */
  trouble?: () => { beforeMs: number; afterMs: number; isLost: boolean };
}

function clientOf(env: TestEnv, server: LeaseServer, link: Link): LeaderElectionOptions['client'] {
  const call = async <T>(timeoutMs: number, act: () => KubeObject): Promise<T> => {
    const { beforeMs, afterMs, isLost } = link.trouble?.() ?? { beforeMs: 0, afterMs: 0, isLost: false };
    const startMs = env.clock.monotonicMs();
    if (link.cut || beforeMs >= timeoutMs) {
      // What is on its way may still arrive after its sender has given up.
      if (!link.cut) env.clock.setTimer(beforeMs, () => void attempt(act));
      await sleep(env.clock, timeoutMs);
      throw newStatusError(503, 'ServiceUnavailable', { message: 'no answer' });
    }
    await sleep(env.clock, beforeMs);
    const answer = act();
    if (isLost || beforeMs + afterMs >= timeoutMs) {
      await sleep(env.clock, startMs + timeoutMs - env.clock.monotonicMs());
      throw newStatusError(503, 'ServiceUnavailable', { message: 'no answer' });
    }
    await sleep(env.clock, afterMs);
    return answer as T; // the only kind there is
  };
  return {
    get: (_ref, _key, options) => call(options?.timeoutMs ?? 30_000, () => server.read()),
    create: (_ref, object, options) =>
      call(options?.timeoutMs ?? 30_000, () => server.write(object as KubeObject, true)),
    update: (_ref, object, options) =>
      call(options?.timeoutMs ?? 30_000, () => server.write(object as KubeObject, false)),
  };
}

function attempt(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch {
    return false; // came too late: the compare fails
  }
}

interface Candidates {
  readonly env: TestEnv;
  readonly server: LeaseServer;
  readonly links: readonly Link[];
  readonly stops: readonly AbortController[];
  /** Who leads now, in the order in which they began. */
  readonly leading: number[];
  /** Every beginning and end: `+0@1200`. */
  readonly history: string[];
}

function start(count: number, options: { seed?: number; trouble?: Link['trouble'] } = {}): Candidates {
  const env = createTestEnv({ seed: options.seed ?? 1 });
  const server = new LeaseServer();
  const leading: number[] = [];
  const history: string[] = [];
  const links = Array.from(
    { length: count },
    (): Link => ({ cut: false, ...(options.trouble && { trouble: options.trouble }) }),
  );
  const stops = links.map((link, i) => {
    const stop = createStopController();
    const work = async (signal: AbortSignal): Promise<void> => {
      expect(leading, 'nobody else leads').to.deep.equal([]);
      leading.push(i);
      history.push(`+${i}@${env.clock.monotonicMs()}`);
      await new Promise<void>((resolve) => void onAbort(signal, resolve));
      leading.splice(leading.indexOf(i), 1);
      history.push(`-${i}@${env.clock.monotonicMs()}`);
    };
    void runElected(work, {
      client: clientOf(env, server, link),
      env,
      lease,
      identity: `candidate-${i}`,
      signal: stop.signal,
    });
    return stop;
  });
  return { env, server, links, stops, leading, history };
}

describe('leader election', () => {
  it('lets one lead and writes a lease as client-go does', async () => {
    const { env, server, leading, history } = start(3);
    await env.clock.advance(60_000);
    expect(leading).to.have.length(1);
    expect(history).to.have.length(1);
    expect(server.stored?.['spec']).to.deep.equal({
      holderIdentity: `candidate-${leading[0]}`,
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:01:00.000000Z',
      leaseTransitions: 0,
    });
  });

  it('stops a leader that cannot renew for ten seconds, before another begins', async () => {
    const { env, links, leading, history, server } = start(2);
    await env.clock.advance(20_000);
    const [first = 0] = leading;
    const link = links[first];
    if (link !== undefined) link.cut = true;
    await env.clock.advance(9_900);
    expect(leading).to.deep.equal([first]);
    await env.clock.advance(2_200);
    expect(leading).to.deep.equal([]);
    await env.clock.advance(8_000);
    expect(leading).to.deep.equal([1 - first]);
    expect(history).to.have.length(3);
    expect(server.stored?.['spec']).to.include({ leaseTransitions: 1 });
    if (link !== undefined) link.cut = false;
    await env.clock.advance(60_000);
    expect(leading).to.deep.equal([1 - first]);
  });

  it('gives the lease back at its end, so that another begins at once', async () => {
    const { env, stops, leading } = start(2);
    await env.clock.advance(20_000);
    const [first = 0] = leading;
    stops[first]?.abort(new Error('the end'));
    await env.clock.advance(4_400);
    expect(leading).to.deep.equal([1 - first]);
  });

  it('goes on when the lease is deleted, and stops when another took it', async () => {
    const { env, server, leading } = start(1);
    await env.clock.advance(10_000);
    server.stored = undefined;
    await env.clock.advance(4_000);
    expect(leading).to.deep.equal([0]);
    const taken = server.read();
    server.write({ ...taken, spec: { ...(taken['spec'] as object), holderIdentity: 'somebody' } }, false);
    await env.clock.advance(2_100);
    expect(leading).to.deep.equal([]);
  });

  it('hands over when the work fails or ends', async () => {
    const env = createTestEnv();
    const server = new LeaseServer();
    const stop = createStopController();
    let runs = 0;
    const done = runElected(
      async () => {
        runs++;
        if (runs === 1) throw new Error('the work cannot begin');
      },
      { client: clientOf(env, server, { cut: false }), env, lease, identity: 'a', signal: stop.signal },
    );
    await env.clock.advance(30_000);
    expect(runs).to.be.greaterThan(2);
    expect(env.log.find('the work of the leader failed')).to.have.length(1);
    stop.abort(new Error('the end'));
    await env.clock.advance(5_000);
    await done;
  });

  it('never has two leaders, whatever is lost or late, and has one again afterwards', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1_000_000 }), async (seed) => {
        const random = createSeededRandom(seed);
        let isCalm = false;
        const trouble = (): { beforeMs: number; afterMs: number; isLost: boolean } =>
          isCalm
            ? { beforeMs: 1, afterMs: 1, isLost: false }
            : {
                beforeMs: random.next() < 0.3 ? random.next() * 20_000 : random.next() * 500,
                afterMs: random.next() < 0.2 ? random.next() * 20_000 : random.next() * 500,
                isLost: random.next() < 0.3,
              };
        // `start` checks at every beginning that nobody else leads.
        const { env, links, leading } = start(3, { seed, trouble });
        for (let round = 0; round < 20; round++) {
          for (const link of links) link.cut = random.next() < 0.3;
          await env.clock.advance(random.next() * 30_000);
          expect(leading.length).to.be.lessThan(2);
        }
        isCalm = true;
        for (const link of links) link.cut = false;
        await env.clock.advance(60_000);
        expect(leading).to.have.length(1);
        expect(env.log.find('the work of the leader failed')).to.deep.equal([]);
      }),
      { numRuns: 40 },
    );
  });
});
