import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSeededRandom } from '@flotilla/kube/testing';
import { expect } from 'chai';
import type { Revision, Store } from '../storage/store.js';
import { openLmdbStore } from './lmdb-store.js';

const reader = fileURLToPath(new URL('./lmdb-store.damage-reader.js', import.meta.url));
const seed = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31));
const count = Number(process.env['FUZZ_RUNS'] ?? 60);

async function fill(store: Store): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const value = Buffer.alloc((i * 37) % 5_000, i);
    const { ok } = await store.write({ type: 'put', key: `/k/${i}`, value, expected: 0n as Revision });
    expect(ok).to.equal(true);
  }
  for (let i = 0; i < 40; i++) {
    const held = await store.get(`/k/${i}`);
    const { ok } = await store.write({
      type: 'delete',
      key: `/k/${i}`,
      expected: held?.modRevision ?? (0n as Revision),
    });
    expect(ok).to.equal(true);
  }
  await store.compact(100n as Revision);
}

/** Three of four where a page says what it holds, one of them in a page that all hangs on: chance alone would hit values only. */
function someBits(fileBytes: number): number[] {
  const random = createSeededRandom(seed);
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const pageBytes = 4096;
  return Array.from({ length: count }, (_, i) => {
    const page = below(i % 4 === 3 ? 2 : fileBytes / pageBytes) * pageBytes;
    return (page + (i % 4 === 0 ? below(pageBytes) : below(160))) * 8 + below(8);
  });
}

/** Where the file ends, negative to tell them from bits: half of them between two pages, where a copy stops as well. */
function someEnds(fileBytes: number): number[] {
  const random = createSeededRandom(seed + 1);
  const pages = fileBytes / 4096;
  return Array.from({ length: Math.ceil(count / 4) }, (_, i) => {
    const end = 1 + Math.floor(random.next() * (fileBytes - 1));
    return -(i % 2 === 0 ? end : 4096 * Math.ceil((end / fileBytes) * (pages - 1)));
  });
}

describe('an lmdb store of which a bit has been changed, or the end is missing', () => {
  it(`is refused, or says what it always said (FUZZ_SEED=${seed})`, async function () {
    this.timeout(60_000 + count * 100);
    const directory = await mkdtemp(join(tmpdir(), 'damage-'));
    const whole = join(directory, 'whole');
    const store = await openLmdbStore({ directory: whole });
    await fill(store);
    await store.close();
    const path = join(whole, 'store.mdb');
    const { size } = await stat(path);
    const damages = [...someBits(size), ...someEnds(size)].map(String);
    const args = [reader, path, join(directory, 'scratch'), ...damages];
    const { stdout, signal, stderr } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    expect(signal, `${stdout.slice(-100)} ${stderr.slice(-500)}`).to.equal(null);
    const outcomes = stdout.trimEnd().split('\n');
    expect(outcomes).to.have.length(damages.length);
    expect(outcomes.filter((line) => !/ (same|refused)$/.test(line))).to.deep.equal([]);
    expect(outcomes.filter((line) => line.endsWith('refused')).length).to.be.greaterThan(count / 10);
    await rm(directory, { recursive: true });
  });
});
