import { expect } from 'chai';
import fc from 'fast-check';
import { compareKeys } from '../storage/keys.js';
import type { Revision } from '../storage/store.js';
import { type Kit, labelled, prefix, startCache, widgetKey } from './testing/cache-kit.js';
import type { CandidateOptions } from './types.js';

const values = ['red', 'blue', 'green'];
const tenMinutesMs = 10 * 60_000;

/** name -> label, after each revision; index 0 is revision 1. */
type State = ReadonlyMap<string, string>;

const name = fc.constantFrom('a/x', 'a/y', 'a/z', 'b/x', 'b/z', 'a-b/x');
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('put' as const), name, label: fc.constantFrom(...values) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), name }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('find' as const),
      value: fc.constantFrom(...values),
      namespace: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
      startAfter: fc.option(name, { nil: undefined }),
      back: fc.option(fc.nat(10), { nil: undefined }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const) }) },
);

/** Fires one timer: of what is built in turns, one turn. */
async function turn(kit: Kit): Promise<void> {
  let looks = 0;
  await kit.clock.runUntil(() => looks++ === 1);
}

function expected(state: State, { having, namespace, startAfter }: CandidateOptions): string[] {
  return [...state]
    .filter(([, label]) => label === having.value)
    .map(([key]) => key)
    .filter((key) => namespace === undefined || key.startsWith(`${namespace}/`))
    .filter((key) => startAfter === undefined || compareKeys(widgetKey(key), startAfter) > 0)
    .sort((a, b) => compareKeys(widgetKey(a), widgetKey(b)));
}

function selected(kit: Kit, options: CandidateOptions): (string | undefined)[] {
  const { items, remaining } = kit.cache.candidates(prefix, options);
  expect(remaining).to.equal(0);
  return items.filter(labelled(options.having.value)).map(({ object }) => object.metadata.name);
}

describe('label indexes of the watch cache', () => {
  it('lose no object of any moment, built or half built, against a model', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60, size: 'max' }), async (commands) => {
        const kit = await startCache({ labelIndexFrom: 2, labelIndexObjectsPerTurn: 1 });
        const states: State[] = [new Map()];
        for (const step of commands) {
          const now = states.at(-1) as State; // there is one always
          if (step.do === 'wait') await kit.clock.advance(tenMinutesMs + 10_000);
          else if (step.do === 'turn') await turn(kit);
          else if (step.do === 'put') {
            await kit.put(step.name, step.label);
            states.push(new Map(now).set(step.name, step.label));
          } else if (step.do === 'remove' && now.has(step.name)) {
            await kit.remove(step.name);
            states.push(new Map([...now].filter(([key]) => key !== step.name)));
          } else if (step.do === 'find') {
            const revision = Math.max(1, states.length - (step.back ?? 0));
            // What has left the window is refused, as of any list.
            if (step.back !== undefined && kit.cache.stats().events < step.back) continue;
            const options: CandidateOptions = {
              having: { label: 'l', value: step.value },
              namespace: step.namespace,
              startAfter: step.startAfter && widgetKey(step.startAfter),
              revision: step.back === undefined ? undefined : (BigInt(revision) as Revision),
            };
            expect(selected(kit, options)).to.deep.equal(expected(states[revision - 1] as State, options));
          }
        }
        kit.cache.close();
      }),
      { numRuns: 300 },
    );
  });

  const fill = async (kit: Kit, count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await kit.put(`a/${i}`, i === 3 ? 'red' : 'blue');
  };
  const looksAt = (kit: Kit, options: Partial<CandidateOptions> = {}): number =>
    kit.cache.candidates(prefix, { having: { label: 'l', value: 'red' }, ...options }).items.length;

  it('spare most objects the look, once they are built, some at a time', async () => {
    const kit = await startCache({ labelIndexFrom: 10, labelIndexObjectsPerTurn: 6 });
    await fill(kit, 11);
    expect(looksAt(kit)).to.equal(11);
    await turn(kit);
    expect(looksAt(kit)).to.equal(11); // six are filed
    await turn(kit);
    expect(looksAt(kit)).to.equal(1);
    await kit.put('a/7', 'red');
    await kit.remove('a/3');
    expect(looksAt(kit)).to.equal(1);
    kit.cache.close();
  });

  it('are not made for small resources, nor asked for small namespaces', async () => {
    const kit = await startCache({ labelIndexFrom: 10 });
    await fill(kit, 9);
    looksAt(kit);
    expect(kit.cache.stats().labelIndexes).to.equal(0);
    await kit.put('b/1', 'blue');
    looksAt(kit);
    expect(kit.cache.stats().labelIndexes).to.equal(1);
    await kit.clock.advance(0);
    expect([looksAt(kit), looksAt(kit, { namespace: 'b' })]).to.deep.equal([1, 1]);
    kit.cache.close();
  });

  it('are few, and go when nobody asks them any more', async () => {
    const kit = await startCache({ labelIndexFrom: 1, maxLabelIndexes: 2, sweepIntervalMs: 60_000 });
    await kit.put('a/x', 'red');
    const ask = (label: string): number =>
      kit.cache.candidates(prefix, { having: { label, value: 'none' } }).items.length;
    const askAll = (): number[] => ['l', 'm', 'n'].map(ask);
    askAll();
    await kit.clock.advance(0);
    expect(askAll()).to.deep.equal([0, 0, 1]);
    for (let minutes = 0; minutes < 15; minutes++) {
      await kit.clock.advance(60_000);
      ask('m');
    }
    expect(kit.cache.stats().labelIndexes).to.equal(1);
    askAll();
    await kit.clock.advance(0);
    expect(askAll()).to.deep.equal([0, 0, 1]);
    kit.cache.close();
  });
});
