/**
 * What every store must do, as a mocha suite run by each implementation's test file. The factory gives a fresh,
 * empty store; `reopen` closes it and opens the same data again.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { compareKeys } from './keys.js';
import { openSnapshot } from './open-snapshot.js';
import { CompactedError, type Revision, type Store, type StoreEvent, type WriteResult } from './store.js';
import { StoreError, StoreOverloadedError } from './store-errors.js';

export interface ContractSubject {
  readonly store: Store;
  reopen(): Promise<ContractSubject>;
  dispose(): Promise<void>;
}

const none = 0n as Revision;
const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString();

async function put(
  store: Store,
  key: string,
  options: { value?: string; expected?: Revision } = {},
): Promise<Revision> {
  const { value = 'x', expected = none } = options;
  return revisionOf(await store.write({ type: 'put', key, value: bytes(value), expected }));
}

async function remove(store: Store, key: string, expected: Revision): Promise<Revision> {
  return revisionOf(await store.write({ type: 'delete', key, expected }));
}

function revisionOf(result: WriteResult): Revision {
  if (!result.ok) throw new Error('the compare failed');
  return result.revision;
}

function summary(events: readonly StoreEvent[]): string[] {
  return events.map(({ type, key, revision, value, previous }) => {
    const before = previous === undefined ? '' : ` was ${text(previous.value)}@${previous.modRevision}`;
    return `${type} ${key}@${revision}${value === undefined ? '' : `=${text(value)}`}${before}`;
  });
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Runs the suite under `name`. */
export function storeContract(name: string, factory: () => Promise<ContractSubject>): void {
  describe(`${name} as a store`, () => {
    let subject: ContractSubject;
    let store: Store;
    beforeEach(async () => {
      subject = await factory();
      store = subject.store;
    });
    afterEach(() => subject.dispose());

    it('begins empty at revision 1, so that an empty list has a resourceVersion', async () => {
      expect(await store.revision()).to.equal(1n);
      expect(await store.range('/')).to.deep.equal({ items: [], revision: 1n });
      expect(await store.get('/a')).to.equal(undefined);
    });

    it('creates, replaces and deletes under compare', async () => {
      const first = await put(store, '/a', { value: 'one' });
      expect(first).to.equal(2n);
      const second = await put(store, '/a', { value: 'two', expected: first });
      const stored = await store.get('/a');
      expect(text(stored?.value)).to.equal('two');
      expect([stored?.modRevision, stored?.createRevision]).to.deep.equal([second, first]);
      const third = await remove(store, '/a', second);
      expect(await store.get('/a')).to.equal(undefined);
      const fourth = await put(store, '/a', { value: 'again' });
      expect((await store.get('/a'))?.createRevision).to.equal(fourth);
      expect([first < second, second < third, third < fourth]).to.deep.equal([true, true, true]);
    });

    it('writes nothing when the compare fails, and shows what is there', async () => {
      const revision = await put(store, '/a', { value: 'one' });
      for (const expected of [none, (revision + 1n) as Revision]) {
        for (const write of [
          { type: 'put', key: '/a', value: bytes('two'), expected } as const,
          { type: 'delete', key: '/a', expected } as const,
        ]) {
          const result = await store.write(write);
          expect(result.ok).to.equal(false);
          if (!result.ok) expect(text(result.current?.value)).to.equal('one');
        }
      }
      const absent = await store.write({ type: 'put', key: '/b', value: bytes('x'), expected: revision });
      expect(absent).to.deep.equal({ ok: false, current: undefined });
      const gone = await store.write({ type: 'delete', key: '/b', expected: none });
      expect(gone).to.deep.equal({ ok: false, current: undefined });
      expect(await store.revision()).to.equal(revision);
    });

    it('ranges over a prefix in bytewise key order', async () => {
      const keys = [
        '/r/b',
        '/r/a',
        '/r/a-b/x',
        '/r/a/x',
        '/r/é',
        '/r/\u{1f600}',
        '/r/\uffee',
        '/rr',
        '/q',
        '/r/',
      ];
      for (const key of keys) await put(store, key, { value: key });
      const { items, revision } = await store.range('/r/');
      const expected = keys
        .filter((key) => key.startsWith('/r/'))
        .sort((a, b) => Buffer.compare(bytes(a), bytes(b)));
      expect(items.map(({ key }) => key)).to.deep.equal(expected);
      expect(items.map(({ value }) => text(value))).to.deep.equal(expected);
      expect([...expected].sort(compareKeys)).to.deep.equal(expected);
      expect(revision).to.equal(await store.revision());
    });

    it('keeps empty and large values whole', async () => {
      const large = 'x'.repeat(3 * 1024 * 1024);
      await put(store, '/empty', { value: '' });
      await put(store, '/large', { value: large });
      expect((await store.get('/empty'))?.value.length).to.equal(0);
      expect(text((await store.get('/large'))?.value) === large).to.equal(true);
    });

    it('refuses keys that are empty or too long', async () => {
      for (const key of ['', 'k'.repeat(2000)]) {
        const error = await failure(put(store, key));
        expect(error).to.be.instanceOf(StoreError).with.property('code', 'bad-key');
      }
    });

    it('lets exactly one of concurrent writers win', async () => {
      const base = await put(store, '/a');
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          store.write({ type: 'put', key: '/a', value: bytes(`${i}`), expected: base }),
        ),
      );
      const winners = results.flatMap((result, i) => (result.ok ? [i] : []));
      expect(winners).to.have.length(1);
      expect(text((await store.get('/a'))?.value)).to.equal(String(winners[0]));
      for (const result of results) {
        if (!result.ok) expect(text(result.current?.value)).to.equal(String(winners[0]));
      }
    });

    it('gives concurrent writes strictly increasing revisions without gaps', async () => {
      const revisions = await Promise.all(Array.from({ length: 500 }, (_, i) => put(store, `/k${i}`)));
      expect([...revisions].sort((a, b) => Number(a - b))).to.deep.equal(
        Array.from({ length: 500 }, (_, i) => BigInt(i + 2)),
      );
      expect(await store.revision()).to.equal(501n);
    });

    it('watches history first, then what comes', async () => {
      const first = await put(store, '/a/1', { value: 'one' });
      const second = await put(store, '/a/1', { value: 'two', expected: first });
      await put(store, '/b/1');
      await remove(store, '/a/1', second);
      const seen: StoreEvent[] = [];
      const watch = await store.watch('/a/', none, (events) => seen.push(...events));
      const history = ['put /a/1@2=one', 'put /a/1@3=two was one@2', 'delete /a/1@5 was two@3'];
      expect(summary(seen)).to.deep.equal(history);
      await put(store, '/a/2', { value: 'three' });
      await put(store, '/b/2');
      expect(summary(seen)).to.deep.equal([...history, 'put /a/2@6=three']);
      watch.close();
      await put(store, '/a/3');
      expect(seen).to.have.length(4);
    });

    it('begins a watch strictly after the revision given', async () => {
      for (let i = 0; i < 4; i++) await put(store, `/a/${i}`);
      const seen: StoreEvent[] = [];
      await store.watch('/a/', 3n as Revision, (events) => seen.push(...events));
      expect(seen.map(({ revision }) => revision)).to.deep.equal([4n, 5n]);
    });

    it('shows a create after a delete without a previous value', async () => {
      const first = await put(store, '/a', { value: 'one' });
      await remove(store, '/a', first);
      const seen: StoreEvent[] = [];
      await store.watch('/', none, (events) => seen.push(...events));
      await put(store, '/a', { value: 'two' });
      expect(summary(seen).at(-1)).to.equal('put /a@4=two');
      expect(seen.map(({ createRevision }) => createRevision)).to.deep.equal([2n, 2n, 4n]);
    });

    it('delivers events in order and before the write resolves', async () => {
      const seen: bigint[] = [];
      await store.watch('', none, (events) => seen.push(...events.map(({ revision }) => revision)));
      await Promise.all(
        Array.from({ length: 300 }, async (_, i) => {
          const revision = await put(store, `/k${i}`);
          expect(seen).to.include(revision);
        }),
      );
      expect(seen).to.deep.equal(Array.from({ length: 300 }, (_, i) => BigInt(i + 2)));
    });

    it('forgets what is superseded at compaction, and nothing else', async () => {
      const a1 = await put(store, '/a', { value: 'a1' });
      const b1 = await put(store, '/b', { value: 'b1' });
      const a2 = await put(store, '/a', { value: 'a2', expected: a1 });
      await remove(store, '/b', b1);
      await store.compact(a2);
      expect(await store.compactedRevision()).to.equal(a2);
      const error = await failure(store.watch('', a1, () => undefined));
      expect(error).to.be.instanceOf(CompactedError).with.property('compacted', a2);
      const seen: StoreEvent[] = [];
      await store.watch('', a2, (events) => seen.push(...events));
      expect(summary(seen)).to.deep.equal(['delete /b@5 was b1@3']);
      expect((await store.range('')).items.map(({ value }) => text(value))).to.deep.equal(['a2']);
      await put(store, '/a', { value: 'a3', expected: a2 });
      expect(summary(seen).at(-1)).to.equal('put /a@6=a3 was a2@4');
    });

    it('never moves the compacted revision back, nor beyond the newest', async () => {
      for (let i = 0; i < 5; i++) await put(store, `/k${i}`);
      await store.compact(4n as Revision);
      await store.compact(3n as Revision);
      expect(await store.compactedRevision()).to.equal(4n);
      await store.compact(1000n as Revision);
      expect(await store.compactedRevision()).to.equal(6n);
      expect(await put(store, '/more')).to.equal(7n);
    });

    it('shows one revision in a snapshot, in the order of writes, whatever is written meanwhile', async () => {
      const revisions = await Promise.all(Array.from({ length: 450 }, (_, i) => put(store, `/k${i % 450}`)));
      const changed = await put(store, '/k7', { value: 'new', expected: revisions[7] ?? none });
      await remove(store, '/k8', revisions[8] ?? none);
      const snapshot = await openSnapshot(store);
      const seen: string[] = [];
      for (const batch of snapshot.batches()) {
        for (const { key, modRevision } of batch) seen.push(`${key}@${modRevision}`);
        await put(store, `/later/${seen.length}`);
        const k9 = await store.get('/k9');
        await put(store, '/k9', { expected: k9?.modRevision ?? none });
      }
      snapshot.close();
      const expected = revisions
        .map((revision, i) => ({ key: `/k${i}`, revision }))
        .filter((_, i) => i !== 7 && i !== 8)
        .sort((a, b) => (a.revision < b.revision ? -1 : 1))
        .map(({ key, revision }) => `${key}@${revision}`);
      expect(snapshot.revision).to.equal(changed + 1n);
      expect(seen).to.deep.equal([...expected, `/k7@${changed}`]);
    });

    it('moves its revisions ahead, if it can, and never back', async () => {
      if (store.advance === undefined) return;
      const a = await put(store, '/a', { value: 'one' });
      await put(store, '/b');
      await store.advance(1_000n as Revision);
      await store.advance(500n as Revision);
      const seen: StoreEvent[] = [];
      await store.watch('', 1_000n as Revision, (events) => seen.push(...events));
      expect(await put(store, '/a', { value: 'two', expected: a })).to.equal(1_001n);
      expect(summary(seen)).to.deep.equal(['put /a@1001=two was one@2']);
      for (const after of [a, 999n as Revision]) {
        expect(await failure(store.watch('', after, () => undefined))).to.be.instanceOf(CompactedError);
      }
      subject = await subject.reopen();
      store = subject.store;
      expect(await store.revision()).to.equal(1_001n);
      expect(await store.compactedRevision()).to.equal(1_000n);
      expect((await store.range('')).items.map(({ modRevision }) => modRevision)).to.deep.equal([1_001n, 3n]);
    });

    it('keeps everything over a reopen', async () => {
      const a1 = await put(store, '/a', { value: 'a1' });
      const a2 = await put(store, '/a', { value: 'a2', expected: a1 });
      const b1 = await put(store, '/b', { value: 'b1' });
      await store.compact(a1);
      await remove(store, '/b', b1);
      subject = await subject.reopen();
      store = subject.store;
      expect(await store.revision()).to.equal(5n);
      expect(await store.compactedRevision()).to.equal(a1);
      expect((await store.range('')).items.map(({ key, value }) => [key, text(value)])).to.deep.equal([
        ['/a', 'a2'],
      ]);
      const seen: StoreEvent[] = [];
      await store.watch('', a1, (events) => seen.push(...events));
      expect(summary(seen)).to.deep.equal(['put /a@3=a2 was a1@2', 'put /b@4=b1', 'delete /b@5 was b1@4']);
      expect(await put(store, '/a', { expected: a2 })).to.equal(6n);
    });

    it('finishes what it took at close, and takes nothing more', async () => {
      const writes = Array.from({ length: 20 }, (_, i) => put(store, `/k${i}`));
      await store.close();
      expect(await Promise.all(writes)).to.have.length(20);
      for (const call of [put(store, '/late'), store.get('/k0'), store.range(''), store.revision()]) {
        expect(await failure(call))
          .to.be.instanceOf(StoreError)
          .with.property('code', 'closed');
      }
      await store.close();
    });

    it('refuses writes when too many wait, and loses none that it took', async () => {
      const results = await Promise.allSettled(
        Array.from({ length: 11_500 }, (_, i) => put(store, `/k${i}`)),
      );
      const taken = results.filter(({ status }) => status === 'fulfilled').length;
      const refused = results.filter(({ status }) => status === 'rejected');
      expect(refused.length).to.be.greaterThan(0);
      for (const result of refused) {
        expect((result as PromiseRejectedResult).reason).to.be.instanceOf(StoreOverloadedError);
      }
      expect((await store.range('')).items).to.have.length(taken);
      expect(await store.revision()).to.equal(BigInt(taken + 1));
    });

    it('behaves like a map with a history under any sequence of writes', async () => {
      const command = fc.record({
        key: fc.constantFrom('/a', '/b', '/c/d', '/é'),
        kind: fc.constantFrom('put', 'delete', 'compact', 'stale'),
        value: fc.string({ maxLength: 8 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 40, size: 'max' }), async (commands) => {
          const own = await factory();
          const model = new Map<string, { value: string; revision: bigint }>();
          const log: string[] = [];
          const seen: StoreEvent[] = [];
          await own.store.watch('', none, (events) => seen.push(...events));
          let revision = 1n;
          for (const { key, kind, value } of commands) {
            const held = model.get(key);
            const expected = (kind === 'stale' ? revision + 5n : (held?.revision ?? 0n)) as Revision;
            if (kind === 'compact') {
              await own.store.compact(revision as Revision);
              continue;
            }
            const type = kind === 'delete' ? 'delete' : 'put';
            const result = await own.store.write(
              type === 'put' ? { type, key, value: bytes(value), expected } : { type, key, expected },
            );
            const ok = kind === 'put' || (kind === 'delete' && held !== undefined);
            expect(result.ok).to.equal(ok);
            if (!ok) continue;
            revision++;
            const was = held === undefined ? '' : ` was ${held.value}@${held.revision}`;
            log.push(
              type === 'put' ? `put ${key}@${revision}=${value}${was}` : `delete ${key}@${revision}${was}`,
            );
            if (type === 'put') model.set(key, { value, revision });
            else model.delete(key);
          }
          expect(summary(seen)).to.deep.equal(log);
          const range = await own.store.range('');
          expect(range.revision).to.equal(revision);
          expect(Object.fromEntries(range.items.map((item) => [item.key, text(item.value)]))).to.deep.equal(
            Object.fromEntries([...model].map(([key, { value }]) => [key, value])),
          );
          await own.dispose();
        }),
        { numRuns: 25 },
      );
    });
  });
}
