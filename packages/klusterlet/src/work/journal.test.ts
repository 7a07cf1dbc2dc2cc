import { isObject } from '@flotilla/api';
import { createMemoryFiles, createSeededRandom, createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { createJournal, type Journal } from './journal.js';

interface Value {
  readonly n: number;
}

const isEntry = (value: unknown): value is Value => isObject(value) && typeof value['n'] === 'number';
const directory = '/j';

async function open(env: TestEnv): Promise<Journal<Value>> {
  const journal = createJournal({ env, directory, isEntry });
  await journal.load();
  return journal;
}

const plain = (journal: Journal<Value>): Record<string, number> =>
  Object.fromEntries([...journal.values].map(([name, { n }]) => [name, n]));

describe('journal', () => {
  it('holds what was written last, removals too, over a restart', async () => {
    const env = createTestEnv();
    const journal = await open(env);
    await journal.write('a', { n: 1 });
    await journal.write('b', { n: 2 });
    await journal.write('a', { n: 3 });
    await journal.write('b', undefined);
    expect(plain(journal)).to.deep.equal({ a: 3 });
    expect(plain(await open(env))).to.deep.equal({ a: 3 });
  });

  it('leaves nothing of what was removed on disk', async () => {
    const env = createTestEnv();
    const journal = await open(env);
    await journal.write('a', { n: 1 });
    await journal.write('b', { n: 2 });
    await journal.write('a', undefined);
    const texts = await Promise.all(env.files.paths().map((path) => env.files.read(path)));
    expect(texts.map((text) => Buffer.from(text ?? []).toString())).to.deep.equal([
      '{"isWhole":true,"entries":[["b",{"n":2}]]}',
    ]);
    await journal.write('b', undefined);
    expect(env.files.paths()).to.deep.equal([]);
    await journal.write('c', { n: 3 });
    expect(plain(await open(env))).to.deep.equal({ c: 3 });
  });

  it('writes what comes together into one file', async () => {
    const env = createTestEnv();
    const journal = await open(env);
    await Promise.all(Array.from({ length: 100 }, (_, n) => journal.write(`name-${n}`, { n })));
    expect(env.files.paths().length).to.equal(2); // the first write, and all that came during it
    expect((await open(env)).values.size).to.equal(100);
  });

  it('keeps few files, however much is written', async () => {
    const env = createTestEnv();
    let journal = await open(env);
    for (let n = 0; n < 500; n++) {
      await journal.write(`name-${n % 7}`, { n });
      if (n % 90 === 0) journal = await open(env);
    }
    expect(env.files.paths().length).to.be.at.most(65);
    expect(plain(await open(env))).to.deep.equal(plain(journal));
    expect(journal.values.size).to.equal(7);
  });

  it('takes nothing older for the last word when a file cannot be read, and says so', async () => {
    const env = createTestEnv();
    const journal = await open(env);
    for (const n of [1, 2, 3]) await journal.write(`name-${n}`, { n });
    const [, second = ''] = env.files.paths();
    for (const text of ['{"entries":', '[]', '{"entries":[["a",{}]]}', '{"entries":[7]}']) {
      await env.files.write(second, text);
      expect(plain(await open(env))).to.deep.equal({ 'name-3': 3 });
    }
    expect(env.log.find('saved works cannot be read, they and older ones are left out').length).to.equal(4);
  });

  for (const [what, spoil] of [
    ['is cut', (data: Uint8Array) => data.slice(0, data.length / 2)],
    ['is empty', () => new Uint8Array()],
    ['ends in zeros', (data: Uint8Array) => Uint8Array.from(data, (byte, i) => (i > 20 ? 0 : byte))],
  ] as const) {
    for (const isStuck of [false, true]) {
      const stays = isStuck ? ', and cannot be removed' : '';
      it(`goes on with what was there before a last file that ${what}${stays}`, async () => {
        const env = createTestEnv();
        const journal = await open(env);
        for (const n of [1, 2, 3]) await journal.write(`name-${n}`, { n });
        const last = env.files.paths().at(-1) ?? '';
        await env.files.write(last, spoil((await env.files.read(last)) ?? new Uint8Array()));
        const { remove } = env.files;
        if (isStuck) env.files.remove = () => Promise.reject(new Error('the disk is unreadable'));
        const after = await open(env);
        expect(plain(after)).to.deep.equal({ 'name-1': 1, 'name-2': 2 });
        await after.write('name-4', { n: 4 });
        env.files.remove = remove;
        expect(plain(await open(env))).to.deep.equal({ 'name-1': 1, 'name-2': 2, 'name-4': 4 });
        expect(
          env.log.find('the last file of saved works was not written whole: it is left out').length,
        ).to.equal(1);
      });
    }
  }

  it('tells each writer of a failure, keeps what was there, and works again afterwards', async () => {
    const env = createTestEnv();
    const journal = await open(env);
    await journal.write('a', { n: 1 });
    const { write } = env.files;
    env.files.write = () => Promise.reject(new Error('the disk is full'));
    const failures = await Promise.allSettled([journal.write('a', { n: 2 }), journal.write('b', { n: 2 })]);
    expect(failures.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    env.files.write = write;
    expect(plain(journal)).to.deep.equal({ a: 1 });
    await journal.write('c', { n: 3 });
    expect(plain(await open(env))).to.deep.equal({ a: 1, c: 3 });
  });

  it('loses nothing that was acknowledged, and makes nothing up, when the machine crashes at any moment', async () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      isRemoval: fc.boolean(),
      waits: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 200 }),
        fc.integer(),
        fc.boolean(),
        async (steps, seed, tears) => {
          const env = createTestEnv({ seed });
          const files = createMemoryFiles({ clock: env.clock, random: createSeededRandom(seed) });
          const machine = { ...env, files } as TestEnv;
          const journal = await open(machine);
          const acknowledged = new Map<string, Value | undefined>();
          const possible = new Map<string, (number | undefined)[]>();
          for (const [n, { name, isRemoval, waits }] of steps.entries()) {
            const value = isRemoval ? undefined : { n };
            possible.set(name, [...(possible.get(name) ?? []), value?.n]);
            const done = journal.write(name, value).then(
              () => {
                acknowledged.set(name, value);
                possible.set(
                  name,
                  (possible.get(name) ?? []).slice((possible.get(name) ?? []).lastIndexOf(value?.n)),
                );
              },
              () => undefined, // the crash
            );
            if (waits) {
              await env.clock.advance(3);
              await done;
            }
          }
          files.crash({ tears });
          const after = await open(machine);
          for (const [name, values] of possible) {
            const found = after.values.get(name)?.n;
            const isAllowed = values.includes(found) || (!acknowledged.has(name) && found === undefined);
            expect(isAllowed, `${name} is ${found}, not one of ${values.join()}`).to.equal(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
