import { expect } from 'chai';
import type { Transport, TransportError, TransportRequest } from '../client/transport.js';
import { sleep } from '../env/env.js';
import { createMemoryFiles } from './memory-files.js';
import { readAhead } from './read-ahead.js';
import { createSeededRandom } from './seeded-random.js';
import { createSimulatedNetwork } from './simulated-network.js';
import { createVirtualClock } from './virtual-clock.js';

describe('virtual clock', () => {
  it('fires timers at their instants, in order, with promises settled between them', async () => {
    const clock = createVirtualClock({ startMs: 1000 });
    const seen: string[] = [];
    const note = (name: string) => () => seen.push(`${name}@${clock.now()}`);
    clock.setTimer(20, note('c'));
    clock.setTimer(10, note('a'));
    clock.setTimer(10, note('b'));
    clock.setTimer(15, note('never')).cancel();
    const chain = sleep(clock, 10)
      .then(() => sleep(clock, 5))
      .then(note('slept'));
    await clock.advance(19);
    expect(seen).to.deep.equal(['a@1010', 'b@1010', 'slept@1015']);
    await clock.runAll();
    await chain;
    expect(seen.at(-1)).to.equal('c@1020');
  });

  it('says why an awaited state was not reached', async () => {
    const clock = createVirtualClock();
    const failure = await clock.runUntil(() => false).catch((error: unknown) => error);
    expect((failure as Error).message).to.contain('no timer is left');
    const tick = (): void => void clock.setTimer(1000, tick);
    tick();
    const late = await clock.runUntil(() => false, { limitMs: 5000 }).catch((error: unknown) => error);
    expect((late as Error).message).to.contain('5000 ms of virtual time');
  });

  it('keeps thousands of timers in order', async () => {
    const clock = createVirtualClock();
    const random = createSeededRandom(3);
    const seen: number[] = [];
    const timers = Array.from({ length: 2000 }, () =>
      clock.setTimer(random.next() * 1000, () => seen.push(clock.monotonicMs())),
    );
    for (const timer of timers) if (random.next() < 0.3) timer.cancel();
    const expected = clock.pending;
    await clock.runAll();
    expect(seen.length).to.equal(expected);
    expect([...seen].sort((a, b) => a - b)).to.deep.equal(seen);
  });
});

describe('memory files', () => {
  it('lose or keep a whole unfinished write at a crash, never a part, and keep all that was acknowledged', async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const clock = createVirtualClock();
      const files = createMemoryFiles({ clock, random: createSeededRandom(seed) });
      const first = files.write('/data', 'old');
      await clock.runAll();
      await first;
      const second = files.write('/data', 'new').catch((error: unknown) => error);
      await clock.settle();
      files.crash();
      expect(((await second) as Error).message).to.equal('the machine crashed');
      outcomes.add(Buffer.from((await files.read('/data')) ?? []).toString());
    }
    expect([...outcomes].sort()).to.deep.equal(['new', 'old']);
  });

  it('tear unfinished writes, and nothing else, when asked to', async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const clock = createVirtualClock();
      const files = createMemoryFiles({ clock, random: createSeededRandom(seed) });
      const first = files.write('/old', 'old');
      await clock.runAll();
      await first;
      const second = files.write('/new', 'abcdefgh').catch((error: unknown) => error);
      await clock.settle();
      files.crash({ tears: true });
      await second;
      expect(Buffer.from((await files.read('/old')) ?? []).toString()).to.equal('old');
      const left = await files.read('/new');
      if (left === undefined || Buffer.from(left).toString() === 'abcdefgh') outcomes.add(String(left));
      else if (left.length < 8) outcomes.add('cut');
      else outcomes.add(left[7] === 0 ? 'zeros' : 'garbage');
    }
    const whole = String(Buffer.from('abcdefgh').toJSON().data);
    expect([...outcomes].sort()).to.deep.equal([whole, 'cut', 'garbage', 'undefined', 'zeros']);
  });
});

describe('reading ahead', () => {
  it('takes no more than there is room for until the reader has taken it', async () => {
    let pulled = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      for (; pulled < 10; pulled++) yield Uint8Array.of(pulled);
    }
    let room = 1;
    const pieces = readAhead(
      source(),
      () => 0,
      () => room,
    );
    const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    await pieces.next();
    await settle();
    expect(pulled).to.equal(1);
    room = 5;
    await pieces.next();
    await settle();
    expect(pulled).to.be.within(5, 6);
    await pieces.return(undefined);
  });

  it('leaves to the sender what does not fit into the window', async () => {
    let pulled = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      for (; pulled < 100; pulled++) yield new Uint8Array(10_000);
    }
    const pieces = readAhead(source(), () => 0);
    await pieces.next();
    await new Promise((resolve) => setImmediate(resolve));
    expect(pulled * 10_000).to.be.within(64 * 1024, 80 * 1024);
    await pieces.return(undefined);
  });
});

describe('simulated network', () => {
  function setUp() {
    const clock = createVirtualClock();
    const network = createSimulatedNetwork({
      clock,
      random: createSeededRandom(1),
      faults: { latencyMs: [10, 10] },
    });
    const received: TransportRequest[] = [];
    let emit = (_text: string): void => undefined;
    const server: Transport = {
      request: async (request) => {
        received.push(request);
        return {
          status: 200,
          headers: {},
          bytes: async () => Buffer.from('x'),
          chunks: async function* () {
            if (request.path !== '/watch') {
              yield Buffer.from('x');
              return;
            }
            for (;;) {
              yield await new Promise<Uint8Array>((resolve, reject) => {
                emit = (text) => resolve(Buffer.from(text));
                request.signal?.addEventListener('abort', () => reject(request.signal?.reason));
              });
            }
          },
        };
      },
      close: async () => undefined,
    };
    const client = network.link('a', server);
    return { clock, network, client, received, emit: (text: string) => emit(text) };
  }

  const get = { method: 'GET', path: '/' } as const;

  it('takes time both ways', async () => {
    const { clock, client } = setUp();
    let status = 0;
    void client.request(get).then((answer) => {
      status = answer.status;
    });
    await clock.advance(19);
    expect(status).to.equal(0);
    await clock.advance(1);
    expect(status).to.equal(200);
  });

  it('refuses at once when cut that way, and works again when healed', async () => {
    const { clock, network, client } = setUp();
    network.cut('a', 'refuse');
    const failure = await client.request(get).catch((error: unknown) => error);
    expect((failure as TransportError).hop).to.equal('tcp');
    network.heal('a');
    const answer = client.request(get);
    await clock.runAll();
    expect((await answer).status).to.equal(200);
  });

  it('swallows silently when cut otherwise: a limit passes, or the loss is noticed, or it heals in time', async () => {
    const { clock, network, client, received } = setUp();
    network.cut('a');
    const limited = client.request({ ...get, timeoutMs: 5000 }).catch((error: TransportError) => error.hop);
    const noticed = client.request(get).catch((error: TransportError) => error.hop);
    await clock.advance(46_000);
    expect([await limited, await noticed]).to.deep.equal(['timeout', 'closed']);
    const late = client.request(get);
    await clock.advance(30_000);
    expect(received.length).to.equal(0);
    network.heal('a');
    await clock.advance(1000);
    expect((await late).status).to.equal(200);
  });

  it('loses an answer after the server acted', async () => {
    const { clock, network, client, received } = setUp();
    network.setFaults({ loseResponse: 1 }, 'a');
    const failure = client.request(get).catch((error: TransportError) => error.hop);
    await clock.runAll();
    expect(await failure).to.equal('closed');
    expect(received.length).to.equal(1);
  });

  it('has as little room for requests as for answers, each way for itself', async () => {
    const { clock, network, client } = setUp();
    network.setFaults({ bytesPerSecond: 100 }, 'a');
    const done: number[] = [];
    const post = { method: 'POST', path: '/', body: 'x'.repeat(99) } as const;
    for (let i = 0; i < 2; i++) void client.request(post).then(() => done.push(clock.monotonicMs()));
    await clock.advance(5000);
    expect(done).to.deep.equal([1010, 2010]);
  });

  it('gives a slow reader one piece after the other, until it is quick again', async () => {
    const { clock, network, client, emit } = setUp();
    network.setFaults({ readPieceMs: 1000 }, 'a');
    const seen: string[] = [];
    void client.request({ ...get, path: '/watch' }).then(async (answer) => {
      for await (const chunk of answer.chunks()) seen.push(`${Buffer.from(chunk)}@${clock.monotonicMs()}`);
    });
    await clock.advance(100);
    emit('a');
    await clock.advance(10);
    emit('b');
    await clock.advance(1500);
    emit('c');
    await clock.advance(1000);
    expect(seen).to.deep.equal(['a@1110', 'b@2110']);
    network.setFaults({ readPieceMs: 0 }, 'a');
    await clock.advance(1000);
    emit('d');
    await clock.advance(1000);
    expect(seen.slice(2)).to.deep.equal(['c@3110', 'd@3620']);
  });

  it('delays the pieces of a stream side by side and breaks it when the cut lasts', async () => {
    const { clock, network, client, emit } = setUp();
    const seen: string[] = [];
    let end: unknown;
    const reading = client.request({ ...get, path: '/watch' }).then(async (answer) => {
      try {
        for await (const chunk of answer.chunks()) seen.push(`${Buffer.from(chunk)}@${clock.monotonicMs()}`);
      } catch (error) {
        end = error;
      }
    });
    await clock.advance(100);
    emit('a');
    await clock.advance(1);
    emit('b');
    await clock.advance(20);
    expect(seen).to.deep.equal(['a@110', 'b@111']);
    network.cut('a');
    emit('c');
    await clock.advance(50_000);
    await reading;
    expect(seen.length).to.equal(2);
    expect((end as TransportError).hop).to.equal('closed');
  });
});
