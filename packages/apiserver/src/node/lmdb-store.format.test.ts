import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Database, open } from 'lmdb';
import type { Revision, Store, StoreEvent } from '../storage/store.js';
import type { StoreError } from '../storage/store-errors.js';
import { openLmdbStore } from './lmdb-store.js';
import { type UpgradeStep, upgradeSteps } from './lmdb-store-format.js';

const dying = fileURLToPath(new URL('./lmdb-store.crash-upgrade.js', import.meta.url));
type Table = Database<Buffer, Buffer>;

const number = (value: bigint): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(value);
  return out;
};

interface OldChange {
  readonly revision: bigint;
  readonly key: string;
  readonly value?: string;
  readonly previous?: bigint;
  readonly created: bigint;
}

/** A put or delete as format 1 wrote it. */
function oldRecord({ key, value, previous = 0n, created }: OldChange): Buffer {
  const size = Buffer.alloc(2);
  size.writeUInt16BE(Buffer.byteLength(key));
  const type = Buffer.from([value === undefined ? 2 : 1]);
  return Buffer.concat([type, number(previous), number(created), size, Buffer.from(key + (value ?? ''))]);
}

const large = 'ü'.repeat(5_000);
const oldChanges: readonly OldChange[] = [
  { revision: 3n, key: '/a', value: 'a3', created: 3n },
  { revision: 4n, key: '/é', value: large, created: 4n },
  { revision: 5n, key: '/a', value: 'a5', previous: 3n, created: 3n },
  { revision: 6n, key: '/b', value: '', created: 6n },
  { revision: 7n, key: '/b', previous: 6n, created: 6n },
];

/** What a version of format 1 left: revisions up to 7, compacted up to 2. */
async function writeFormat1(directory: string, change: (tables: { history: Table }) => void): Promise<void> {
  const path = join(directory, 'store.mdb');
  const root = open<Buffer, Buffer>({ path, noSubdir: true, overlappingSync: false });
  const table = (name: string): Table =>
    root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' });
  const [meta, objects, history] = [table('meta'), table('objects'), table('history')];
  for (const [name, value] of Object.entries({ format: 1n, revision: 7n, compacted: 2n, swept: 2n })) {
    meta.putSync(Buffer.from(name), number(value));
  }
  objects.putSync(Buffer.from('/a'), Buffer.concat([number(5n), number(3n)]));
  objects.putSync(Buffer.from('/é'), Buffer.concat([number(4n), number(4n)]));
  for (const each of oldChanges) history.putSync(number(each.revision), oldRecord(each));
  change({ history });
  await root.close();
}

async function expectWhole(store: Store): Promise<void> {
  const { items, revision } = await store.range('');
  expect(revision).to.equal(7n);
  expect(await store.compactedRevision()).to.equal(2n);
  expect(
    items.map(({ key, value, modRevision, createRevision }) => [
      key,
      String(value),
      modRevision,
      createRevision,
    ]),
  ).to.deep.equal([
    ['/a', 'a5', 5n, 3n],
    ['/é', large, 4n, 4n],
  ]);
  const events: StoreEvent[] = [];
  await store.watch('', 2n as Revision, (batch) => events.push(...batch));
  expect(
    events.map(({ revision: at, key, value, previous }) => [
      at,
      key,
      value && String(value),
      previous?.modRevision,
    ]),
  ).to.deep.equal(oldChanges.map(({ revision: at, key, value, previous }) => [at, key, value, previous]));
}

async function openingError(directory: string, steps?: readonly UpgradeStep[]): Promise<StoreError> {
  try {
    await (await openLmdbStore({ directory, ...(steps && { upgradeSteps: steps }) })).close();
  } catch (error) {
    return error as StoreError; // nothing else is thrown, which the assertions see
  }
  throw new Error('the store opened');
}

describe('the format of an lmdb store', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'format-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('is brought from 1 to the present one with all objects, history and revisions', async () => {
    await writeFormat1(directory, () => undefined);
    for (let opened = 0; opened < 2; opened++) {
      const store = await openLmdbStore({ directory });
      await expectWhole(store);
      await store.close();
    }
    const store = await openLmdbStore({ directory });
    const put = { type: 'put', key: '/c', value: Buffer.from('c'), expected: 0n as Revision } as const;
    expect(await store.write(put)).to.deep.equal({ ok: true, revision: 8n });
    await store.close();
  });

  it('is the old one, whole, when an upgrade is killed', async () => {
    await writeFormat1(directory, () => undefined);
    const child = spawnSync(process.execPath, [dying, directory], { encoding: 'utf8' });
    expect(child.signal, child.stderr).to.equal('SIGKILL');
    const refused = await openingError(directory, []);
    expect(refused.message).to.match(/^the data directory .* has format 1, from which .* cannot upgrade/);
    const store = await openLmdbStore({ directory });
    await expectWhole(store);
    await store.close();
  });

  it('is left alone by an upgrade that fails', async () => {
    await writeFormat1(directory, ({ history }) => history.putSync(number(4n), Buffer.from('torn')));
    const failure = await openingError(directory);
    expect([failure.code, failure.message]).to.deep.equal([
      'corrupt',
      'the store is damaged: a change is not readable; restore a backup',
    ]);
    expect((await openingError(directory, [])).code).to.equal('older-format');
  });

  it('runs only the steps that a store still needs, in order', async () => {
    await writeFormat1(directory, () => undefined);
    await (await openLmdbStore({ directory })).close();
    const ran: number[] = [];
    const step = (from: number): UpgradeStep => ({ from, what: 'nothing', run: () => void ran.push(from) });
    const steps = [...upgradeSteps, step(2), step(3)];
    await (await openLmdbStore({ directory, upgradeSteps: steps })).close();
    await (await openLmdbStore({ directory, upgradeSteps: steps })).close();
    expect(ran).to.deep.equal([2, 3]);
    const refused = await openingError(directory);
    expect(refused.code).to.equal('newer-format');
    expect(refused.message).to.contain('(format 4, this version reads 2)');
  });

  it('shows a change of any byte of a record as an error', async () => {
    const store = await openLmdbStore({ directory });
    const value = Buffer.from('a value of some length');
    await store.write({ type: 'put', key: '/key', value, expected: 0n as Revision });
    await store.close();
    const path = join(directory, 'store.mdb');
    const tables = { objects: Buffer.from('/key'), history: number(2n), meta: Buffer.from('revision') };
    for (const [name, key] of Object.entries(tables)) {
      for (let at = 0; ; at++) {
        const root = open<Buffer, Buffer>({ path, noSubdir: true, overlappingSync: false });
        const table = root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' });
        const before = Buffer.from(table.get(key) ?? '');
        const after = Buffer.from(before);
        after[at] = (after[at] ?? 0) ^ 4;
        table.putSync(key, after);
        await root.close();
        const failure = await rangeError(directory);
        expect([failure.code, name, at]).to.deep.equal(['corrupt', name, at]);
        expect(failure.message).to.match(/^the store is damaged: .* is not readable; restore a backup$/);
        const again = open<Buffer, Buffer>({ path, noSubdir: true, overlappingSync: false });
        again
          .openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' })
          .putSync(key, before);
        await again.close();
        if (at === before.length - 1) break;
      }
    }
  });
});

async function rangeError(directory: string): Promise<StoreError> {
  let store: Store | undefined;
  try {
    store = await openLmdbStore({ directory });
    await store.range('');
  } catch (error) {
    return error as StoreError; // nothing else is thrown, which the assertions see
  } finally {
    await store?.close();
  }
  throw new Error('the store answered');
}
