import type { ApiRequest, ResponseSink } from '@flotilla/apiserver';
import { createVirtualClock } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { HeldBytes } from './held-bytes.js';

describe('what a server keeps for a reader', () => {
  async function setUp() {
    const clock = createVirtualClock();
    const held = new HeldBytes(clock);
    const drains: (() => void)[] = [];
    const closes: (() => void)[] = [];
    let room = true;
    const sink: ResponseSink = {
      write: () => room,
      onDrain: (fn) => void drains.push(fn),
      onClose: (fn) => void closes.push(fn),
      end: () => closes.forEach((fn) => void fn()),
    };
    let server: ResponseSink | undefined;
    const answer = await held
      .watching({
        handle: async () => ({
          status: 200,
          headers: {},
          body: (given) => {
            server = given;
          },
        }),
      })
      .handle({ path: '/watch' } as ApiRequest); // no more of it is looked at
    if (typeof answer.body !== 'function') throw new Error('the stream is lost');
    answer.body(sink);
    if (server === undefined) throw new Error('nobody writes');
    const fill = (): void => {
      room = false;
    };
    const drain = (): void => {
      room = true;
      for (const fn of drains) fn();
    };
    return { clock, held, server, fill, drain };
  }
  const kilobyte = new Uint8Array(1024);

  it('may be as much as there is room for, and the words with which it ends', async () => {
    const { held, server, fill } = await setUp();
    for (let i = 0; i < 100; i++) server.write(kilobyte);
    fill();
    expect(server.write(kilobyte)).to.equal(false);
    server.write(kilobyte);
    expect(held.problems()).to.deep.equal([]);
  });

  it('is too much when it writes on', async () => {
    const { held, server, fill, drain } = await setUp();
    fill();
    for (let i = 0; i < 6; i++) server.write(kilobyte);
    expect(held.problems()).to.deep.equal(['5120 bytes more than there is room for are kept for /watch']);
    drain();
    expect(held.problems()).to.deep.equal([]);
  });

  it('is kept too long when nobody is given up', async () => {
    const { clock, held, server, fill } = await setUp();
    fill();
    server.write(kilobyte);
    await clock.advance(60_000);
    expect(held.problems()).to.deep.equal([]);
    await clock.advance(1000);
    expect(held.problems()).to.deep.equal(['/watch is kept for a client that took nothing for 61000 ms']);
    server.end();
    expect(held.problems()).to.deep.equal([]);
  });
});
