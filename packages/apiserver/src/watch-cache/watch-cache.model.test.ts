import { expect } from 'chai';
import fc from 'fast-check';
import type { Revision } from '../storage/store.js';
import { type Kit, labelled, prefix, type Recorder, record, startCache } from './testing/cache-kit.js';
import type { CacheWatch, WatchOptions } from './types.js';

const labels = ['red', 'blue', 'green'];

/** The state after each revision, name -> label. */
type State = ReadonlyMap<string, string>;

interface Watcher {
  readonly watch: CacheWatch;
  readonly sink: Recorder;
  readonly options: WatchOptions;
  readonly label: string | undefined;
}

class Model {
  /** Index 0 is revision 1: empty. */
  readonly states: State[] = [new Map()];
  /** Revision -> the name that it changed. */
  readonly changes: (string | undefined)[] = [];

  at(revision: bigint): State {
    return this.states[Number(revision) - 1] ?? new Map();
  }

  push(change: (state: Map<string, string>) => void): void {
    const next = new Map(this.states.at(-1));
    change(next);
    this.states.push(next);
  }

  visible(revision: bigint, { options, label }: Pick<Watcher, 'options' | 'label'>): Map<string, string> {
    const matching = [...this.at(revision)].filter(([name, value]) => {
      const [namespace, own] = name.split('/');
      if (options.namespace !== undefined && options.namespace !== namespace) return false;
      if (options.name !== undefined && options.name !== own) return false;
      return label === undefined || label === value;
    });
    return new Map(matching);
  }

  /** What a watcher must have been told, revision by revision. */
  expected(watcher: Pick<Watcher, 'options' | 'label'>, after: bigint): string[] {
    const lines: string[] = [];
    for (let revision = after + 1n; revision <= BigInt(this.states.length); revision++) {
      const before = this.visible(revision - 1n, watcher);
      const now = this.visible(revision, watcher);
      // The value of one key changes with each revision; a rewrite with the same label shows by its absence here.
      const changed = this.changes[Number(revision)];
      if (changed === undefined) continue;
      const [old, current] = [before.get(changed), now.get(changed)];
      if (current !== undefined)
        lines.push(`${old === undefined ? 'ADDED' : 'MODIFIED'} ${changed}=${current}@${revision}`);
      else if (old !== undefined) lines.push(`DELETED ${changed}=${old}@${revision}`);
    }
    return lines;
  }
}

const name = fc.constantFrom('a/x', 'a/y', 'b/x', 'b/z', 'a-b/x');
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('put' as const), name, label: fc.constantFrom(...labels) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), name }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('watch' as const),
      namespace: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
      name: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
      label: fc.option(fc.constantFrom(...labels), { nil: undefined }),
      back: fc.nat(20),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('block' as const), index: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resume' as const), index: fc.nat(5) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('list' as const), back: fc.nat(20), limit: fc.nat(4) }),
  },
);

async function change(kit: Kit, model: Model, step: { name: string; label?: string }): Promise<void> {
  const held = model.at(kit.cache.currentRevision).has(step.name);
  const { label } = step;
  if (label === undefined && !held) return;
  const revision = label === undefined ? await kit.remove(step.name) : await kit.put(step.name, label);
  model.changes[Number(revision)] = step.name;
  model.push((state) => {
    if (label === undefined) state.delete(step.name);
    else state.set(step.name, label);
  });
}

/** Pages through a past state, and compares it with the model. */
function checkList(kit: Kit, model: Model, { revision, limit }: { revision: bigint; limit: number }): void {
  const expected = [...model.at(revision)].map(([key, label]) => `${key}=${label}`).sort(byKey);
  const seen: string[] = [];
  let startAfter: string | undefined;
  for (;;) {
    const page = kit.cache.list(prefix, { revision: revision as Revision, limit, startAfter });
    seen.push(...page.items.map(({ object }) => `${object.metadata.name}=${object.metadata.labels?.['l']}`));
    expect(page.remaining).to.equal(expected.length - seen.length);
    startAfter = page.items.at(-1)?.key;
    if (page.remaining === 0 || startAfter === undefined) break;
  }
  expect(seen).to.deep.equal(expected);
}

function byKey(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

describe('the watch cache against a model', () => {
  it('tells every watcher what a replay of all writes tells, and lists every past state', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { maxLength: 80, size: 'max' }),
        fc.nat(6),
        async (commands, perTurn) => {
          const kit = await startCache({ watchesPerTurn: 1 + perTurn, eventsPerDelivery: 1 + perTurn });
          const model = new Model();
          const watchers: (Watcher & { after: bigint })[] = [];
          for (const step of commands) {
            const now = kit.cache.currentRevision;
            const past = (back: number): bigint => (BigInt(back) >= now ? 1n : now - BigInt(back));
            if (step.do === 'put' || step.do === 'remove') await change(kit, model, step);
            else if (step.do === 'list')
              checkList(kit, model, { revision: past(step.back), limit: step.limit });
            else if (step.do === 'watch') {
              const after = past(step.back);
              const options: WatchOptions = {
                after: after as Revision,
                namespace: step.namespace,
                name: step.name,
                select: step.label === undefined ? undefined : labelled(step.label),
              };
              watchers.push({ ...record(kit.cache, options), options, label: step.label, after });
            } else {
              const watcher = watchers[step.index];
              if (watcher !== undefined) watcher.sink.open = step.do === 'resume';
              if (step.do === 'resume') watcher?.watch.resume();
            }
            for (const { watch, sink, ...rest } of watchers) {
              const due = model.expected(rest, rest.after).filter((line) => {
                return BigInt(line.slice(line.indexOf('@') + 1)) <= watch.deliveredRevision;
              });
              expect(sink.seen.slice(0, due.length)).to.deep.equal(due);
            }
          }
          for (const { watch, sink } of watchers) {
            sink.open = true;
            watch.resume();
          }
          await kit.clock.advance(0);
          for (const { watch, sink, ...rest } of watchers) {
            expect(sink.seen).to.deep.equal(model.expected(rest, rest.after));
            expect(watch.deliveredRevision).to.equal(kit.cache.currentRevision);
          }
          kit.cache.close();
        },
      ),
      { numRuns: 150 },
    );
  });
});
