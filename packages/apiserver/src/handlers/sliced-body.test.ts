import { parseYaml } from '@flotilla/api';
import type { Clock } from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import type { ResponseSink } from '../server/handler.js';
import { type SlicedBody, slicedBody, wholeBody } from './sliced-body.js';
import { workingClock } from './testing/working-clock.js';
import { sliceMs } from './time-slice.js';

/** Looking at the time costs a millisecond on these clocks, and each item is followed by a look: that is a slice. */
const itemsOfSlice = sliceMs;
const numbers = Array.from({ length: 2 * itemsOfSlice + 3 }, (_, n) => n);
const json: SlicedBody<number> = {
  head: '{"kind":"X","items":[',
  items: numbers,
  render: (n) => [Buffer.from(String(n))],
  separator: ',',
  tail: ']}',
};

class Reader implements ResponseSink {
  readonly chunks: string[] = [];
  isEnded = false;
  isFull = false;
  readonly #drains: (() => void)[] = [];
  readonly #closes: (() => void)[] = [];

  get text(): string {
    return this.chunks.join('');
  }

  write(chunk: Uint8Array): boolean {
    this.chunks.push(Buffer.from(chunk).toString());
    return !this.isFull;
  }

  onDrain(fn: () => void): void {
    this.#drains.push(fn);
  }

  onClose(fn: () => void): void {
    this.#closes.push(fn);
  }

  end(): void {
    this.isEnded = true;
  }

  drain(): void {
    this.isFull = false;
    for (const fn of this.#drains) fn();
  }

  leave(): void {
    for (const fn of this.#closes) fn();
  }
}

describe('sliced body', () => {
  let env: TestEnv;
  let working: Pick<TestEnv, 'log'> & { readonly clock: Clock };
  let reader: Reader;
  beforeEach(() => {
    env = createTestEnv();
    working = { clock: workingClock(env.clock), log: env.log };
    reader = new Reader();
  });

  it('gives way after each slice, and is whole at the end', async () => {
    slicedBody(json, working)(reader);
    expect(reader.chunks.length).to.equal(1);
    await env.clock.advance(10);
    expect(reader.chunks.length).to.equal(3);
    expect(JSON.parse(reader.text)).to.deep.equal({ kind: 'X', items: numbers });
    expect(reader.isEnded).to.equal(true);
  });

  it('takes turns with others of its server: one slice in each turn of the event loop', async () => {
    const turns: (() => void)[] = [];
    const clock: Clock = {
      ...working.clock,
      setTimer: (_, fn) => {
        turns.push(fn);
        return { cancel: () => undefined };
      },
    };
    const readers = [reader, new Reader(), new Reader()];
    for (const each of readers) slicedBody(json, { ...working, clock })(each);
    const written: number[][] = [];
    for (let turn = 0; turn < 6; turn++) {
      await env.clock.advance(0);
      expect(turns.length).to.equal(1);
      turns.shift()?.();
      await env.clock.advance(0);
      written.push(readers.map(({ chunks }) => chunks.length));
    }
    expect(written).to.deep.equal([
      [2, 1, 1],
      [2, 2, 1],
      [2, 2, 2],
      [3, 2, 2],
      [3, 3, 2],
      [3, 3, 3],
    ]);
  });

  it('is the same when it is made at once', async () => {
    slicedBody(json, working)(reader);
    await env.clock.advance(10);
    expect(wholeBody(json).toString()).to.equal(reader.text);
  });

  it('is whole without a separator, as YAML wants it', async () => {
    const yaml = {
      ...json,
      head: 'kind: X\nitems:\n',
      render: (n: number) => [Buffer.from(`- ${n}\n`)],
      separator: '',
      tail: '',
    };
    slicedBody(yaml, working)(reader);
    await env.clock.advance(10);
    expect(parseYaml(reader.text)).to.deep.equal([{ kind: 'X', items: numbers }]);
  });

  it('makes no more than the reader takes', async () => {
    reader.isFull = true;
    slicedBody(json, working)(reader);
    await env.clock.advance(60_000);
    expect(reader.chunks.length).to.equal(1);
    reader.drain();
    await env.clock.advance(10);
    expect(JSON.parse(reader.text).items).to.deep.equal(numbers);
  });

  it('stops when the reader has left, be it while it was full', async () => {
    reader.isFull = true;
    slicedBody(json, working)(reader);
    await env.clock.advance(10);
    reader.leave();
    await env.clock.advance(10);
    expect(reader.chunks.length).to.equal(1);
  });

  it('ends early, and says so in the log, when an item cannot be shown', async () => {
    const render = (n: number): Buffer[] => {
      if (n > itemsOfSlice) throw new Error('odd');
      return [Buffer.from(String(n))];
    };
    slicedBody({ ...json, render }, working)(reader);
    await env.clock.advance(10);
    expect(reader.isEnded).to.equal(true);
    expect(() => JSON.parse(reader.text)).to.throw();
    expect(env.log.find('background task failed').length).to.equal(1);
  });
});
