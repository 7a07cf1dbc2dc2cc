/**
 * The child process of the damage test: changes one bit after the other of a store's file, opens what that leaves, reads
 * everything, and prints what came of each. A child, for what is not caught would end the process by a signal.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Revision } from '../storage/store.js';
import { StoreError } from '../storage/store-errors.js';
import { openLmdbStore } from './lmdb-store.js';

const [whole = '', scratch = '', ...bits] = process.argv.slice(2);
const bytes = readFileSync(whole);
/** The second when the format's own number has changed. */
const refusals: readonly string[] = ['corrupt', 'newer-format'];

/** Everything that the store says of itself. */
async function readAll(directory: string): Promise<string> {
  const store = await openLmdbStore({ directory });
  try {
    const { items, revision } = await store.range('');
    const said: unknown[] = [String(revision), String(await store.compactedRevision())];
    for (const { key, value, modRevision } of items) said.push([key, String(modRevision), String(value)]);
    const compacted = await store.compactedRevision();
    const watch = await store.watch('', compacted as Revision, (events) => {
      for (const { key, revision: at, value } of events) said.push([key, String(at), String(value)]);
    });
    watch.close();
    return JSON.stringify(said);
  } finally {
    await store.close();
  }
}

async function outcome(content: Buffer, expected: string | undefined): Promise<string> {
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch);
  writeFileSync(join(scratch, 'store.mdb'), content);
  try {
    const said = await readAll(scratch);
    if (expected === undefined) return said;
    return said === expected ? 'same' : 'DIFFERENT';
  } catch (error) {
    return error instanceof StoreError && refusals.includes(error.code)
      ? 'refused'
      : `UNCLEAR ${String(error)}`;
  }
}

const expected = await outcome(bytes, undefined);
for (const bit of bits.map(Number)) {
  const changed = Buffer.from(bytes);
  const at = bit >> 3;
  changed[at] = (changed[at] ?? 0) ^ (1 << (bit & 7));
  writeSync(1, `${bit} `);
  writeSync(1, `${await outcome(changed, expected)}\n`);
}
