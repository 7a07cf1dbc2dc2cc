/**
 * The child process of the damage test: changes one bit after the other of a store's file, or cuts its end off, opens what
 * that leaves, reads everything, and prints what came of each. A child, for what is not caught would end the process by a signal.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Revision } from '../storage/store.js';
import { StoreError } from '../storage/store-errors.js';
import { openLmdbStore } from './lmdb-store.js';

const [whole = '', scratch = '', ...damages] = process.argv.slice(2);
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
for (const damage of damages.map(Number)) {
  writeSync(1, `${damage} `);
  writeSync(1, `${await outcome(damaged(damage), expected)}\n`);
}

/** With that bit changed, or, of a negative number, with that many bytes left. */
function damaged(damage: number): Buffer {
  if (damage < 0) return bytes.subarray(0, -damage);
  const changed = Buffer.from(bytes);
  const at = damage >> 3;
  changed[at] = (changed[at] ?? 0) ^ (1 << (damage & 7));
  return changed;
}
