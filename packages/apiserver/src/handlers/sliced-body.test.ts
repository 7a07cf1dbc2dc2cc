import { parseYaml } from '@flotilla/api';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import type { ResponseSink } from '../server/handler.js';
import { itemsOfSlice, type SlicedBody, slicedBody } from './sliced-body.js';

const numbers = Array.from({ length: 2 * itemsOfSlice + 3 }, (_, n) => n);
const json: SlicedBody<number> = {
  head: '{"kind":"X","items":[',
  items: numbers,
  render: String,
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
  let reader: Reader;
  beforeEach(() => {
    env = createTestEnv();
    reader = new Reader();
  });

  it('gives way after each slice, and is whole at the end', async () => {
    slicedBody(json, env)(reader);
    expect(reader.chunks.length).to.equal(1);
    await env.clock.advance(10);
    expect(reader.chunks.length).to.equal(4); // three slices and the tail
    expect(JSON.parse(reader.text)).to.deep.equal({ kind: 'X', items: numbers });
    expect(reader.isEnded).to.equal(true);
  });

  it('is whole without a separator, as YAML wants it', async () => {
    const yaml = {
      ...json,
      head: 'kind: X\nitems:\n',
      render: (n: number) => `- ${n}\n`,
      separator: '',
      tail: '',
    };
    slicedBody(yaml, env)(reader);
    await env.clock.advance(10);
    expect(parseYaml(reader.text)).to.deep.equal([{ kind: 'X', items: numbers }]);
  });

  it('makes no more than the reader takes', async () => {
    reader.isFull = true;
    slicedBody(json, env)(reader);
    await env.clock.advance(60_000);
    expect(reader.chunks.length).to.equal(1);
    reader.drain();
    await env.clock.advance(10);
    expect(JSON.parse(reader.text).items).to.deep.equal(numbers);
  });

  it('stops when the reader has left, be it while it was full', async () => {
    reader.isFull = true;
    slicedBody(json, env)(reader);
    await env.clock.advance(10);
    reader.leave();
    await env.clock.advance(10);
    expect(reader.chunks.length).to.equal(1);
  });

  it('ends early, and says so in the log, when an item cannot be shown', async () => {
    const render = (n: number): string => {
      if (n > itemsOfSlice) throw new Error('odd');
      return String(n);
    };
    slicedBody({ ...json, render }, env)(reader);
    await env.clock.advance(10);
    expect(reader.isEnded).to.equal(true);
    expect(() => JSON.parse(reader.text)).to.throw();
    expect(env.log.find('background task failed').length).to.equal(1);
  });
});
