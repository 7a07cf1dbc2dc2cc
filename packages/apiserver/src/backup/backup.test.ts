import { expect } from 'chai';
import fc from 'fast-check';
import { createMemoryStore } from '../storage/memory-store.js';
import type { Revision, Store, StoredValue } from '../storage/store.js';
import { BackupError, type BackupFile, type BackupRecord, decodeBackup } from './backup-format.js';
import { BackupImport, revisionAfterRestore } from './import-backup.js';
import { encodeBackup } from './write-backup.js';

const none = 0n as Revision;
const nowMs = Date.parse('2026-01-02T03:04:05Z');
const files: readonly BackupFile[] = [{ path: 'pki/ca.key', data: Buffer.from([0, 255, 10]) }];

async function put(store: Store, key: string, value: Uint8Array, expected = none): Promise<Revision> {
  const result = await store.write({ type: 'put', key, value, expected });
  if (!result.ok) throw new Error('the compare failed');
  return result.revision;
}

async function backupOf(store: Store): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const pause = async (): Promise<void> => undefined;
  for await (const chunk of encodeBackup({ store, files, nowMs, pause })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** In pieces of `size` bytes. */
async function decode(bytes: Buffer, size = bytes.length): Promise<BackupRecord[]> {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  const records: BackupRecord[] = [];
  for await (const record of decodeBackup(pieces)) records.push(record);
  return records;
}

async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof BackupError) return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

const objectsOf = (records: readonly BackupRecord[]): StoredValue[] =>
  records.flatMap((record) => (record.type === 'object' ? [record.object] : []));

async function restored(bytes: Buffer, store: Store, floor = 10_000n as Revision) {
  const target = await BackupImport.begin(store, floor);
  for (const object of objectsOf(await decode(bytes))) await target.add(object);
  return target.finish();
}

describe('a backup', () => {
  it('holds every key with any bytes, at one revision, and says so', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), fc.uint8Array()), {
          maxLength: 20,
        }),
        fc.integer({ min: 1, max: 300 }),
        async (entries, size) => {
          const store = createMemoryStore();
          for (const [key, value] of new Map(entries)) await put(store, key, value);
          const records = await decode(await backupOf(store), size);
          const { items, revision } = await store.range('');
          expect(records[0]).to.deep.equal({ type: 'header', header: { revision, createdAtMs: nowMs } });
          expect(records[1]).to.deep.equal({ type: 'file', file: files[0] });
          const objects = objectsOf(records).map(({ value, ...rest }) => ({ ...rest, value: [...value] }));
          const expected = items.map(({ value, ...rest }) => ({ ...rest, value: [...value] }));
          expected.sort((a, b) => Number(a.modRevision - b.modRevision));
          expect(objects).to.deep.equal(expected);
          expect(records.at(-1)).to.deep.equal({ type: 'end', objects: items.length, files: 1 });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is refused when it is cut anywhere', async () => {
    const store = createMemoryStore();
    for (let i = 0; i < 3; i++) await put(store, `/k${i}`, Buffer.from('some text'));
    const whole = await backupOf(store);
    for (let end = 0; end < whole.length; end++) {
      expect(await failure(decode(whole.subarray(0, end))), String(end)).to.match(
        /^is (cut off|not a backup)/,
      );
    }
  });

  it('is refused when a bit of it is changed, or anything is added', async () => {
    const store = createMemoryStore();
    for (let i = 0; i < 3; i++) await put(store, `/k${i}`, Buffer.from('some text'));
    const whole = await backupOf(store);
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const why = await failure(decode(changed));
      expect(why, String(at)).to.match(/^(has been changed|is not a backup|is cut off|was made by a newer)/);
    }
    expect(await failure(decode(Buffer.concat([whole, whole])))).to.contain('goes on after its end');
    const foreign = [Buffer.alloc(100_000, 'x'), Buffer.from('{}\n'), Buffer.from('[]\n')];
    for (const bytes of foreign)
      expect(await failure(decode(bytes))).to.equal('is not a backup of this software');
  });

  it('of a newer version is refused by its number', async () => {
    const whole = String(await backupOf(createMemoryStore()));
    const newer = Buffer.from(whole.replace('"version":1', '"version":2'));
    expect(await failure(decode(newer))).to.equal(
      'was made by a newer version (backup format 2, this version reads 1)',
    );
  });

  it('names no file outside the place for keys', async () => {
    for (const path of ['../x', 'pki/../x', 'pki/a/b', '/etc/passwd', 'store/store.mdb', 'pki/.x']) {
      const bytes = [];
      const source = { store: createMemoryStore(), files: [{ path, data: Buffer.from('x') }], nowMs };
      for await (const chunk of encodeBackup({ ...source, pause: async () => undefined })) bytes.push(chunk);
      expect(await failure(decode(Buffer.concat(bytes))), path).to.contain('has been changed');
    }
  });
});

describe('restoring a backup into a store', () => {
  it('keeps keys, values and the order of writes, under revisions that nobody has seen', async () => {
    const from = createMemoryStore();
    const first = await put(from, '/b', Buffer.from('old'));
    await put(from, '/a', Buffer.from('a'));
    await put(from, '/b', Buffer.from('b'), first);
    const to = createMemoryStore();
    expect(await restored(await backupOf(from), to)).to.deep.equal({ objects: 2, revision: 10_002n });
    const { items } = await to.range('');
    expect(items.map(({ key, value, modRevision }) => [key, String(value), modRevision])).to.deep.equal([
      ['/a', 'a', 10_001n],
      ['/b', 'b', 10_002n],
    ]);
    expect(await to.compactedRevision()).to.equal(10_002n);
  });

  it('takes a store that is ahead already as it is', async () => {
    const from = createMemoryStore();
    await put(from, '/a', Buffer.from('a'));
    const to = createMemoryStore();
    await to.advance?.(20_000n as Revision);
    expect((await restored(await backupOf(from), to)).revision).to.equal(20_001n);
  });

  it('refuses a store with objects, and one whose revisions are behind and cannot be moved', async () => {
    const full = createMemoryStore();
    await put(full, '/a', Buffer.from('a'));
    expect(await failure(BackupImport.begin(full, 10n as Revision))).to.contain('a store that holds objects');
    const counted = createMemoryStore();
    const foreign: Store = Object.assign(Object.create(counted) as Store, { advance: undefined });
    for (const method of ['range', 'revision'] as const) {
      Object.assign(foreign, { [method]: counted[method].bind(counted) });
    }
    expect(await failure(BackupImport.begin(foreign, 10n as Revision))).to.contain(
      "raise the store's own revision",
    );
  });

  it('sees that a store lost or changed what it was given', async () => {
    const from = createMemoryStore();
    await put(from, '/a', Buffer.from('a'));
    const bytes = await backupOf(from);
    const to = createMemoryStore();
    const lossy: Store = Object.assign(Object.create(to) as Store, {
      range: to.range.bind(to),
      revision: to.revision.bind(to),
      advance: to.advance?.bind(to),
      compact: to.compact.bind(to),
      write: (write: Parameters<Store['write']>[0]) =>
        to.write(write.type === 'put' ? { ...write, value: Buffer.from('b') } : write),
    });
    expect(await failure(restored(bytes, lossy))).to.contain('was not restored as it is');
  });

  it('moves revisions by more than can have been given out since', () => {
    const header = { revision: 5n as Revision, createdAtMs: nowMs };
    expect(revisionAfterRestore(header, nowMs)).to.equal(1_000_000_005n);
    expect(revisionAfterRestore(header, nowMs - 10_000)).to.equal(1_000_000_005n);
    const day = 86_400_000;
    expect(revisionAfterRestore(header, nowMs + day)).to.equal(5n + 1_000_000_000n + 86_400n * 50_000n);
    // In ten years still a number that JavaScript clients can hold.
    expect(Number.isSafeInteger(Number(revisionAfterRestore(header, nowMs + 3650 * day)))).to.equal(true);
  });
});
