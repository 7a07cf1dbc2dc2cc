import { expect } from 'chai';
import type { LogOptions } from '../streams/pod-runtime.js';
import { ContainerLog } from './container-log.js';

const at = Date.parse('2026-01-01T00:00:00Z');
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function logged(): ContainerLog {
  const log = new ContainerLog();
  for (const [index, line] of ['one', 'two', 'three'].entries()) {
    log.append(Buffer.from(`${line}\n`), index === 1 ? 'Stderr' : 'Stdout', at + index * 1000);
  }
  return log;
}

function read(log: ContainerLog, options: Partial<LogOptions> = {}, signal = new AbortController().signal) {
  return log.read({ follow: false, previous: false, timestamps: false, ...options, signal });
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += Buffer.from(chunk).toString();
  return text;
}

describe('log of a simulated container', () => {
  const cases: readonly (readonly [string, Partial<LogOptions>, string])[] = [
    ['whole', {}, 'one\ntwo\nthree\n'],
    ['its last lines', { tailLines: 2 }, 'two\nthree\n'],
    ['none of its lines', { tailLines: 0 }, ''],
    ['since a time', { sinceMs: at + 1000 }, 'two\nthree\n'],
    ['up to so many bytes', { limitBytes: 6 }, 'one\ntw'],
    ['one of its streams', { stream: 'Stderr' }, 'two\n'],
    ['the last line of one of its streams', { stream: 'Stdout', tailLines: 1 }, 'three\n'],
    ['with times', { timestamps: true, tailLines: 1 }, '2026-01-01T00:00:02.000000000Z three\n'],
  ];
  for (const [what, options, text] of cases) {
    it(`is read ${what}`, async () => {
      expect(await textOf(read(logged(), options))).to.equal(text);
    });
  }

  it('is followed until the container ends, which completes the last line', async () => {
    const log = logged();
    const reading = textOf(read(log, { follow: true, tailLines: 1 }));
    await settle();
    log.append(Buffer.from('four\nfi'), 'Stdout', at);
    await settle();
    log.append(Buffer.from('ve'), 'Stdout', at);
    log.end(at);
    log.append(Buffer.from('never\n'), 'Stdout', at);
    expect(await reading).to.equal('three\nfour\nfive');
    expect(await textOf(read(log, { follow: true, tailLines: 1 }))).to.equal('five');
  });

  it('lets a follower go that does not want more', async () => {
    const abort = new AbortController();
    const reading = textOf(read(logged(), { follow: true }, abort.signal));
    await settle();
    abort.abort();
    expect(await reading).to.equal('one\ntwo\nthree\n');
  });

  it('is bounded: the oldest lines go, and who follows slowly misses them', async () => {
    const log = new ContainerLog();
    const reader = read(log, { follow: true })[Symbol.asyncIterator]();
    log.append(Buffer.from('first\n'), 'Stdout', at);
    expect(Buffer.from((await reader.next()).value as Uint8Array).toString()).to.equal('first\n');
    for (let i = 0; i < 100_000; i++) log.append(Buffer.from(`line ${i}\n`), 'Stdout', at);
    log.end(at);
    let bytes = 0;
    let last = '';
    for (let next = await reader.next(); next.done !== true; next = await reader.next()) {
      bytes += next.value.length;
      last = Buffer.from(next.value).toString();
    }
    expect(bytes).to.be.lessThan(400_000);
    expect(last.endsWith('line 99999\n')).to.equal(true);
  });

  it('cuts lines that never end', async () => {
    const log = new ContainerLog();
    log.append(Buffer.alloc(40_000, 'a'), 'Stdout', at);
    expect((await textOf(read(log))).length).to.equal(2 * 16 * 1024);
  });

  it('holds less when there are many of them', () => {
    const full = new ContainerLog();
    const small = new ContainerLog(() => 1 / 100);
    for (let line = 0; line < 30_000; line++) {
      for (const log of [full, small]) log.append(Buffer.from(`${line}\n`), 'Stdout', at);
    }
    const count = (log: ContainerLog): number => log.text(['Stdout']).toString().split('\n').length - 1;
    expect(count(full)).to.be.within(15_000, 20_000);
    expect(count(small)).to.be.within(150, 200);
    small.append(Buffer.from('a prompt # '), 'Stdout', at);
    expect(small.text(['Stdout']).toString()).to.match(/29999\na prompt # $/);
    expect(small.text(['Stderr']).length).to.equal(0);
  });
});
