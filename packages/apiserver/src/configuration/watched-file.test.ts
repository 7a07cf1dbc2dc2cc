import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { defaultWatchIntervalMs, readTextFile, watchFiles } from './watched-file.js';

const files = [{ flag: '--number-file', path: '/n' }];

function parseNumber([text = '']: readonly string[]): number {
  const value = Number(text);
  if (Number.isNaN(value)) throw new Error(`${JSON.stringify(text)} is no number`);
  return value;
}

async function setUp(first: string) {
  const env = createTestEnv();
  const stop = new AbortController();
  await env.files.write('/n', first);
  const watched = await watchFiles({ env, files, signal: stop.signal, parse: parseNumber });
  const seen: number[] = [];
  watched.onChange((value) => seen.push(value));
  return { env, stop, watched, seen };
}

describe('watchFiles', () => {
  it('takes over what changes, and tells so', async () => {
    const { env, watched, seen } = await setUp('1');
    expect(watched.current).to.equal(1);
    await env.files.write('/n', '2');
    await env.clock.advance(defaultWatchIntervalMs);
    expect(watched.current).to.equal(2);
    await env.clock.advance(10 * defaultWatchIntervalMs);
    expect(seen).to.deep.equal([2]);
  });

  it('keeps the last good content while the file is broken or gone, and recovers', async () => {
    const { env, watched, seen } = await setUp('1');
    await env.files.write('/n', 'soon');
    await env.clock.advance(3 * defaultWatchIntervalMs);
    await env.files.remove('/n');
    await env.clock.advance(3 * defaultWatchIntervalMs);
    expect(watched.current).to.equal(1);
    await env.files.write('/n', '3');
    await env.clock.advance(defaultWatchIntervalMs);
    expect(seen).to.deep.equal([3]);
  });

  it('stops looking when it is told to stop', async () => {
    const { env, stop, watched } = await setUp('1');
    stop.abort();
    await env.files.write('/n', '2');
    await env.clock.advance(10 * defaultWatchIntervalMs);
    expect(watched.current).to.equal(1);
  });

  it('names flag and file when there is nothing good to start with', async () => {
    const env = createTestEnv();
    const { signal } = new AbortController();
    const failure = await watchFiles({ env, files, signal, parse: parseNumber }).catch(
      (error: Error) => error,
    );
    expect(failure).to.be.instanceOf(Error);
    expect((failure as Error).message).to.equal('--number-file /n: there is no such file');
    await env.files.write('/n', 'x');
    const other = await watchFiles({ env, files, signal, parse: parseNumber }).catch((error: Error) => error);
    expect((other as Error).message).to.equal('--number-file /n: "x" is no number');
  });

  it('reads a file once for who needs it once', async () => {
    const env = createTestEnv();
    await env.files.write('/n', 'text');
    expect(await readTextFile(env, { flag: '--x', path: '/n' })).to.equal('text');
  });
});
