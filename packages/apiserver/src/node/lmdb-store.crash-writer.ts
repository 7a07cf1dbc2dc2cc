/**
 * The child process of the store's crash test: writes to a store as fast as it can, many writers at once, compacts it
 * all the time, and prints each write after it has been acknowledged. Runs until it is killed.
 */
import { writeSync } from 'node:fs';
import type { Revision } from '../storage/store.js';
import { openLmdbStore } from './lmdb-store.js';

const [directory = '', round = ''] = process.argv.slice(2);
const store = await openLmdbStore({ directory });

async function write(writer: number): Promise<never> {
  const key = `/round/${round}/${writer}`;
  let expected = 0n as Revision;
  for (let count = 1; ; count++) {
    const value = Buffer.from(
      JSON.stringify({ count, filler: 'x'.repeat((count * 97) % 9_000), end: 'end' }),
    );
    const result = await store.write({ type: 'put', key, value, expected });
    if (!result.ok) throw new Error(`somebody else wrote ${key}`);
    expected = result.revision;
    writeSync(1, `${key} ${expected} ${count}\n`);
  }
}

/** Behind the writers by so much that every kill falls into some compaction. */
async function compact(): Promise<never> {
  for (;;) await store.compact(((await store.revision()) - 50n) as Revision);
}

await Promise.all([...[1, 2, 3, 4, 5, 6, 7, 8].map(write), compact()]);
