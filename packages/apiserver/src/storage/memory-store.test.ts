import { expect } from 'chai';
import { createMemoryStore, type MemoryStore } from './memory-store.js';
import { type ContractSubject, storeContract } from './store.contract.js';
import type { Revision, StoreEvent } from './store.js';
import { StoreError } from './store-errors.js';

function subject(store: MemoryStore): ContractSubject {
  return {
    store,
    reopen: async () => {
      await store.close();
      return subject(store.reopen());
    },
    dispose: () => store.close(),
  };
}

storeContract('the memory store', async () => subject(createMemoryStore()));

/** A clock that moves when told. */
function manualClock() {
  const timers: (() => void)[] = [];
  return {
    now: () => 0,
    monotonicMs: () => 0,
    setTimer: (_delayMs: number, fn: () => void) => {
      timers.push(fn);
      return { cancel: () => undefined };
    },
    fire: () => {
      for (const fn of timers.splice(0)) fn();
    },
  };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const create = (key: string) =>
  ({ type: 'put', key, value: Buffer.from('x'), expected: 0n as Revision }) as const;
const faults = { syncDelayMs: () => 5 };

describe('the memory store as a disk', () => {
  it('acknowledges and shows a write only after its sync', async () => {
    const clock = manualClock();
    const store = createMemoryStore({ clock, faults });
    const seen: StoreEvent[] = [];
    await store.watch('', 0n as Revision, (events) => seen.push(...events));
    let acknowledged = false;
    const write = store.write(create('/a')).then(() => {
      acknowledged = true;
    });
    await settle();
    expect([acknowledged, seen.length, await store.get('/a')]).to.deep.equal([false, 0, undefined]);
    clock.fire();
    await write;
    expect([acknowledged, seen.length]).to.deep.equal([true, 1]);
  });

  it('loses at a crash what was not synced, and keeps what was', async () => {
    const clock = manualClock();
    const store = createMemoryStore({ clock, faults });
    const first = store.write(create('/a'));
    await settle();
    clock.fire();
    await first;
    const lost = store.write(create('/b')).catch((error: unknown) => error);
    await settle();
    store.crash();
    expect(await lost)
      .to.be.instanceOf(StoreError)
      .with.property('code', 'closed');
    const reopened = store.reopen();
    expect((await reopened.range('')).items.map(({ key }) => key)).to.deep.equal(['/a']);
    expect(await reopened.revision()).to.equal(2n);
  });

  it('may keep a part of what it had not acknowledged', async () => {
    const clock = manualClock();
    const random = { next: () => 0.5, bytes: (size: number) => new Uint8Array(size), uuid: () => '' };
    const store = createMemoryStore({ clock, faults, random });
    const writes = ['/a', '/b', '/c'].map((key) => store.write(create(key)).catch(() => undefined));
    await settle();
    store.crash();
    await Promise.all(writes);
    const kept = (await store.reopen().range('')).items.map(({ key }) => key);
    expect(kept).to.deep.equal(['/a', '/b']);
  });

  it('keeps nothing of a batch whose sync fails, and works on when the disk does', async () => {
    let full = true;
    const store = createMemoryStore({
      faults: { failSync: () => (full ? new StoreError('disk-full', 'the disk is full') : undefined) },
    });
    const error = await store.write(create('/a')).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(StoreError).with.property('code', 'disk-full');
    full = false;
    expect(await store.write(create('/a'))).to.deep.equal({ ok: true, revision: 2n });
  });

  it('answers no read while it cannot be read, and every one afterwards', async () => {
    let unreadable = true;
    const store = createMemoryStore({
      faults: { failRead: () => (unreadable ? new StoreError('io', 'the disk is unreadable') : undefined) },
    });
    await store.write(create('/a'));
    for (const read of [() => store.get('/a'), () => store.range(''), () => store.revision()]) {
      const error = await read().catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(StoreError).with.property('code', 'io');
    }
    unreadable = false;
    expect((await store.range('')).items.map(({ key }) => key)).to.deep.equal(['/a']);
  });
});
