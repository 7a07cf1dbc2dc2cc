import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { open } from 'lmdb';
import { type ContractSubject, storeContract } from '../storage/store.contract.js';
import type { Revision, Store, WriteResult } from '../storage/store.js';
import { StoreError, type StoreErrorCode } from '../storage/store-errors.js';
import { openLmdbStore } from './lmdb-store.js';

const none = 0n as Revision;

async function subject(directory: string): Promise<ContractSubject> {
  const store = await openLmdbStore({ directory });
  return {
    store,
    reopen: async () => {
      await store.close();
      return subject(directory);
    },
    dispose: async () => {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
}

const temporary = (): Promise<string> => mkdtemp(join(tmpdir(), 'store-'));

storeContract('the lmdb store', async () => subject(await temporary()));

async function openingError(directory: string): Promise<StoreError> {
  try {
    await (await openLmdbStore({ directory })).close();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error('the store opened');
}

function put(store: Store, key: string, value: Uint8Array): Promise<WriteResult> {
  return store.write({ type: 'put', key, value, expected: none });
}

async function flipBit(path: string, bit: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  await writeFile(path, bytes);
}

/** One bit of the key of the newest of 20 changes, wherever a page has it: the order of keys stays what it was. */
async function misfiledChange(path: string): Promise<void> {
  const bytes = await readFile(path);
  const key = Buffer.from('0800' + '0000000000000015', 'hex'); // with its length, as a node begins
  let found = 0;
  for (let at = bytes.indexOf(key); at >= 0; at = bytes.indexOf(key, at + 1), found++) {
    bytes[at + 3] = (bytes[at + 3] ?? 0) ^ 0x20;
  }
  expect(found).to.be.greaterThan(0);
  await writeFile(path, bytes);
}

describe('opening an lmdb store', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await temporary();
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('makes the directory and keeps its files to the owner', async () => {
    const inner = join(directory, 'a', 'b');
    const store = await openLmdbStore({ directory: inner });
    expect((await stat(inner)).mode & 0o777).to.equal(0o700);
    const names = await readdir(inner);
    expect(names.sort()).to.deep.equal(['lock.1', 'store.mdb', 'store.mdb-lock']);
    for (const name of names) expect((await stat(join(inner, name))).mode & 0o777, name).to.equal(0o600);
    await store.close();
    expect((await stat(join(inner, 'lock.1'))).size).to.equal(0);
  });

  it('maps its file once, however much that grows', async function () {
    if (process.platform !== 'linux') this.skip();
    const maps = async (): Promise<number> => {
      const lines = (await readFile('/proc/self/maps', 'utf8')).split('\n');
      return lines.filter((line) => line.endsWith(join(directory, 'store.mdb'))).length;
    };
    const store = await openLmdbStore({ directory });
    for (let i = 0; i < 8; i++) {
      const key = `/registry/core/configmaps/a/${i}`;
      await store.write({ type: 'put', key, value: randomBytes(512 * 1024), expected: none });
    }
    expect((await stat(join(directory, 'store.mdb'))).size).to.be.greaterThan(4 * 1024 * 1024);
    expect(await maps()).to.equal(1);
    await store.close();
    expect(await maps()).to.equal(0);
    const again = await openLmdbStore({ directory });
    await again.get('/registry/core/configmaps/a/0');
    expect(await maps()).to.equal(1);
    await again.close();
  });

  it('refuses a directory that is open already, and leaves its lock alone', async () => {
    const store = await openLmdbStore({ directory });
    const error = await openingError(directory);
    expect(error.code).to.equal('in-use');
    expect(error.message).to.equal(
      `the data directory ${directory} is in use by another process (pid ${process.pid})`,
    );
    await store.close();
    await (await openLmdbStore({ directory })).close();
  });

  it('takes over the lock of a process that has gone, or whose pid is another process now', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => child.once('exit', resolve));
    const store = await openLmdbStore({ directory });
    const own = JSON.parse(await readFile(join(directory, 'lock.1'), 'utf8')) as object;
    await store.close();
    const stale = [
      JSON.stringify({ ...own, pid: child.pid, token: 't' }),
      JSON.stringify({ ...own, started: '1', token: 't' }),
      JSON.stringify({ ...own, boot: 'another', token: 't' }),
      '',
      'not json',
    ];
    for (const [i, text] of stale.entries()) {
      await writeFile(join(directory, `lock.${i + 1}`), text);
      await writeFile(join(directory, 'lock.draft.left'), text);
      await (await openLmdbStore({ directory })).close();
      const locks = (await readdir(directory)).filter((name) => name.startsWith('lock'));
      expect(locks).to.deep.equal([`lock.${i + 2}`]);
    }
  });

  it('lets one of many win a stale lock', async () => {
    for (let round = 0; round < 10; round++) {
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => openLmdbStore({ directory })));
      const stores = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      expect(stores).to.have.length(1);
      for (const result of results) {
        if (result.status === 'rejected') expect((result.reason as StoreError).code).to.equal('in-use');
      }
      await stores[0]?.close();
    }
  });

  it('says so when the path is a file', async () => {
    const path = join(directory, 'file');
    await writeFile(path, '');
    for (const each of [path, join(path, 'below')]) {
      const error = await openingError(each);
      expect(error.code).to.equal('not-a-directory');
      expect(error.message).to.equal(`the data directory ${each} is not a directory`);
    }
  });

  it('refuses a format from the future by its number', async () => {
    await (await openLmdbStore({ directory })).close();
    await editMeta(directory, (meta, format) => meta.putSync(format, Buffer.from('0000000000000003', 'hex')));
    const error = await openingError(directory);
    expect(error.code).to.equal('newer-format');
    expect(error.message).to.equal(
      `the data directory ${directory} was written by a newer version (format 3, this version reads 2); use that version, or restore a backup that was made before the upgrade`,
    );
  });

  const damages: readonly [string, (path: string) => Promise<void>][] = [
    ['random bytes', (path) => writeFile(path, randomBytes(20_000))],
    ['a text file', (path) => writeFile(path, 'hello\n')],
    ['a file cut in its first page', (path) => truncate(path, 3_000)],
    ['a file cut in its data', (path) => truncate(path, 9_000)],
    ['a foreign lmdb file', foreignFile],
    ['a newest change that is filed where nobody looks', misfiledChange],
    ['a first page that does not say what it is', (path) => flipBit(path, 18 * 8 + 3)],
    ['a head that says it is encrypted', (path) => flipBit(path, 52 * 8 + 13)],
    ['more pages than any disk has', (path) => flipBit(path, 144 * 8 + 46)],
    ['pages beyond what a file can have, in the older head', (path) => flipBit(path, (4096 + 144) * 8 + 38)],
    ['no format', (path) => editMeta(join(path, '..'), (meta, format) => void meta.removeSync(format))],
  ];
  for (const [name, damage] of damages) {
    it(`reports ${name} instead of crashing`, async () => {
      const store = await openLmdbStore({ directory });
      for (let i = 0; i < 20; i++) await put(store, `/k${i}`, Buffer.alloc(2_000, i));
      await store.close();
      await damage(join(directory, 'store.mdb'));
      const error = await openingError(directory);
      expect(error.code).to.equal('corrupt');
      expect(error.message).to.match(/damaged|not written by this software/);
    });
  }

  it('removes what it had begun when it cannot set up the files', async () => {
    await mkdir(join(directory, 'store.mdb'));
    const error = await openingError(directory);
    expect(error).to.be.instanceOf(StoreError);
    expect((await stat(join(directory, 'lock.1'))).size).to.equal(0);
  });

  it('says so when it may not write', async () => {
    // Root may write whatever the mode; but nobody makes directories in sysfs.
    const path = process.getuid?.() === 0 ? '/sys/store' : directory;
    await chmod(directory, 0o500);
    const error = await openingError(path);
    expect(error.code).to.equal('read-only');
    expect(error.message).to.equal(
      `the data directory ${path} cannot be written: it is read-only or belongs to somebody else`,
    );
    await chmod(directory, 0o700);
  });
});

describe('an lmdb store on a full disk', () => {
  let directory: string;

  /** Writes until it fails; returns the keys that were acknowledged. */
  async function fill(store: Store): Promise<string[]> {
    const acknowledged: string[] = [];
    for (let round = 0; round < 200; round++) {
      const keys = [0, 1, 2].map((i) => `/k/${round}/${i}`);
      const results = await Promise.allSettled(
        keys.map((key) => put(store, key, Buffer.alloc(10_000, round))),
      );
      keys.forEach((key, i) => {
        if (results[i]?.status === 'fulfilled') acknowledged.push(key);
      });
      const failed = results.find((result) => result.status === 'rejected');
      if (failed === undefined) continue;
      expectDiskFull(failed.reason as StoreError, directory);
      return acknowledged;
    }
    throw new Error('the disk never filled');
  }

  async function expectConsistent(store: Store, keys: readonly string[]): Promise<void> {
    const { items, revision } = await store.range('/k/');
    expect(items.map(({ key }) => key)).to.deep.equal([...keys].sort());
    expect(revision).to.equal(BigInt(keys.length + 1));
    for (const { key, value } of items) {
      expect(Buffer.alloc(10_000, Number(key.split('/')[2])).equals(value), key).to.equal(true);
    }
  }

  if (canMount()) {
    beforeEach(async () => {
      directory = await temporary();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', directory]);
    });
    afterEach(async () => {
      execFileSync('umount', ['--lazy', directory]);
      await rm(directory, { recursive: true });
    });

    it('fails batches as a whole, stays consistent, and works on when there is room again', async () => {
      const filler = join(directory, 'filler');
      await writeFile(filler, Buffer.alloc(700 * 1024));
      const store = await openLmdbStore({ directory });
      const keys = await fill(store);
      await expectConsistent(store, keys);
      await rm(filler);
      expect(await put(store, '/more', Buffer.alloc(10_000))).to.deep.equal({
        ok: true,
        revision: BigInt(keys.length + 2),
      });
      await store.close();
      const reopened = await openLmdbStore({ directory });
      expect((await reopened.range('')).items).to.have.length(keys.length + 1);
      await reopened.close();
    });

    it('says so when there is no room to open, and opens when there is', async () => {
      const filler = join(directory, 'filler');
      for (const leftBytes of [0, 8 * 1024, 24 * 1024]) {
        await writeFile(filler, Buffer.alloc(2 * 1024 * 1024 - leftBytes)).catch(() => undefined);
        await truncate(filler, Math.max(0, (await stat(filler)).size - leftBytes));
        expectDiskFull(await openingError(directory), directory);
        await rm(filler);
      }
      await (await openLmdbStore({ directory })).close();
    });
  }
});

function expectDiskFull({ code, message }: StoreError, directory: string): void {
  expect(code).to.equal('disk-full' satisfies StoreErrorCode);
  expect(message).to.equal(`the disk that holds the data directory ${directory} is full`);
}

function canMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]).status === 0;
  if (mounted) execFileSync('umount', [directory]);
  rmdirSync(directory);
  return mounted;
}

interface MetaTable {
  putSync(key: Buffer, value: Buffer): void;
  removeSync(key: Buffer): boolean;
}

/** Changes the store's meta table behind its back. */
async function editMeta(directory: string, edit: (meta: MetaTable, format: Buffer) => void): Promise<void> {
  const root = open<Buffer, Buffer>({
    path: join(directory, 'store.mdb'),
    noSubdir: true,
    overlappingSync: false,
  });
  const meta = root.openDB<Buffer, Buffer>({ name: 'meta', encoding: 'binary', keyEncoding: 'binary' });
  edit(meta, Buffer.from('format'));
  await root.close();
}

async function foreignFile(path: string): Promise<void> {
  await rm(path);
  const root = open({ path, noSubdir: true, overlappingSync: false });
  await root.openDB({ name: 'settings' }).put('colour', 'blue');
  await root.close();
}
