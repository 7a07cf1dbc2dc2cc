import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Revision, StoreEvent } from '../storage/store.js';
import { openLmdbStore } from './lmdb-store.js';

const rounds = 15;
const writer = fileURLToPath(new URL('./lmdb-store.crash-writer.js', import.meta.url));

interface Acknowledged {
  readonly key: string;
  readonly revision: bigint;
  readonly count: number;
}

/** Runs the writer until it is killed, at an instant that differs from round to round. */
async function storm(directory: string, round: number): Promise<Acknowledged[]> {
  const child = spawn(process.execPath, [writer, directory, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<string | null>((resolve) =>
    child.once('exit', (_code, signal) => resolve(signal)),
  );
  const acknowledged: Acknowledged[] = [];
  // Killed on a number of acknowledgements, not on time, so that every round has some.
  const killAt = 1 + Math.floor(Math.random() * 1_200);
  for await (const line of createInterface({ input: child.stdout })) {
    const [key, revision, count] = line.split(' ');
    if (key === undefined || revision === undefined || count === undefined) continue;
    acknowledged.push({ key, revision: BigInt(revision), count: Number(count) });
    if (acknowledged.length === killAt) child.kill('SIGKILL');
  }
  expect(await exited).to.equal('SIGKILL');
  return acknowledged;
}

describe('the lmdb store under kill -9', () => {
  it('keeps every acknowledged write whole, and never goes back', async function () {
    this.timeout(60_000);
    const directory = await mkdtemp(join(tmpdir(), 'crash-'));
    let before = 0n;
    for (let round = 0; round < rounds; round++) {
      const acknowledged = await storm(directory, round);
      const store = await openLmdbStore({ directory });
      const revision = await store.revision();
      let newest = before;
      for (const each of acknowledged) if (each.revision > newest) newest = each.revision;
      expect(revision >= newest, `revision ${revision} after ${newest} was acknowledged`).to.equal(true);
      const { items } = await store.range('');
      const held = new Map(items.map((item) => [item.key, item]));
      for (const { key, count } of acknowledged) {
        const item = held.get(key);
        const stored =
          item && (JSON.parse(Buffer.from(item.value).toString()) as { count: number; end: string });
        expect(stored?.count, `${key} of round ${round}`).to.be.at.least(count);
        expect(stored?.end).to.equal('end');
      }
      const events: StoreEvent[] = [];
      const compacted = await store.compactedRevision();
      await store.watch('', compacted, (batch) => events.push(...batch));
      const gaps = events.filter((event, i) => event.revision !== compacted + BigInt(i) + 1n);
      if (compacted > 0n) expect(gaps).to.deep.equal([]);
      expect(events.at(-1)?.revision).to.equal(revision);
      await store.compact((revision - 100n) as Revision);
      before = revision;
      await store.close();
    }
    await rm(directory, { recursive: true });
  });
});
