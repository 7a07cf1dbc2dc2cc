import { expect } from 'chai';
import fc from 'fast-check';
import { createVirtualClock } from '../testing/virtual-clock.js';
import { createWorkQueue, type WorkQueue } from './work-queue.js';

describe('work queue', () => {
  it('holds a key once and hands keys out in order', async () => {
    const queue = createWorkQueue({ clock: createVirtualClock() });
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(queue.length).to.equal(3);
    expect([await queue.take(), await queue.take(), await queue.take()]).to.deep.equal(['a', 'b', 'c']);
  });

  it('gives a key that was added during its work again, after it is done', async () => {
    const queue = createWorkQueue({ clock: createVirtualClock() });
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    expect(queue.length).to.equal(0);
    queue.done('a');
    expect(queue.length).to.equal(1);
    await queue.take();
    queue.done('a');
    expect(queue.length).to.equal(0);
  });

  it('adds after the earliest of several delays', async () => {
    const clock = createVirtualClock();
    const queue = createWorkQueue({ clock });
    queue.addAfter('a', 1000);
    queue.addAfter('a', 300);
    queue.addAfter('a', 500);
    await clock.advance(299);
    expect([queue.length, queue.delayed]).to.deep.equal([0, 1]);
    await clock.advance(1);
    expect([queue.length, queue.delayed, clock.pending]).to.deep.equal([1, 0, 0]);
  });

  it('doubles the delay of a failing key up to its limit, and starts again after forget', () => {
    const queue = createWorkQueue({ clock: createVirtualClock(), baseDelayMs: 5, maxDelayMs: 100 });
    const delays = Array.from({ length: 7 }, () => queue.addRateLimited('a'));
    expect(delays).to.deep.equal([5, 10, 20, 40, 80, 100, 100]);
    expect(queue.failures('a')).to.equal(7);
    queue.forget('a');
    expect(queue.addRateLimited('a')).to.equal(5);
  });

  it('waits for no more than a minute unless told otherwise, however often a key failed', () => {
    const queue = createWorkQueue({ clock: createVirtualClock() });
    const delays = Array.from({ length: 30 }, () => queue.addRateLimited('a'));
    expect(Math.max(...delays)).to.equal(60_000);
  });

  it('refuses new keys when full, and none that it holds', () => {
    const queue = createWorkQueue({ clock: createVirtualClock(), maxKeys: 2 });
    expect(queue.add('a')).to.equal(true);
    expect(queue.addAfter('b', 10)).to.equal(true);
    expect(queue.add('c')).to.equal(false);
    expect(queue.addAfter('c', 10)).to.equal(false);
    expect(queue.add('a')).to.equal(true);
    expect(queue.add('b')).to.equal(true);
    expect(queue.refused).to.equal(2);
  });

  it('wakes its takers when closed and takes nothing more', async () => {
    const clock = createVirtualClock();
    const queue = createWorkQueue({ clock });
    const waiting = queue.take();
    queue.addAfter('a', 10);
    queue.close();
    expect(await waiting).to.equal(undefined);
    expect(queue.add('b')).to.equal(false);
    expect(clock.pending).to.equal(0);
  });

  it('behaves as its model does', async () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), key }),
      fc.record({ do: fc.constant('addAfter' as const), key, delayMs: fc.integer({ min: 1, max: 50 }) }),
      fc.record({ do: fc.constant('take' as const) }),
      fc.record({ do: fc.constant('done' as const), key }),
      fc.record({ do: fc.constant('advance' as const), delayMs: fc.integer({ min: 1, max: 40 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const clock = createVirtualClock();
        const queue = createWorkQueue({ clock });
        const model = new Model();
        for (const action of steps) {
          if (action.do === 'add') {
            queue.add(action.key);
            model.add(action.key);
          } else if (action.do === 'addAfter') {
            queue.addAfter(action.key, action.delayMs);
            model.addAfter(action.key, action.delayMs);
          } else if (action.do === 'take' && queue.length > 0) {
            expect(await queue.take()).to.equal(model.take());
          } else if (action.do === 'done' && model.active.has(action.key)) {
            queue.done(action.key);
            model.done(action.key);
          } else if (action.do === 'advance') {
            await clock.advance(action.delayMs);
            model.advance(action.delayMs);
          }
          expect(stateOf(queue)).to.deep.equal(model.state());
        }
      }),
      { numRuns: 200 },
    );
  });
});

function stateOf({ length, delayed, active }: WorkQueue): object {
  return { length, delayed, active };
}

/** The queue as plainly as it can be told. */
class Model {
  readonly active = new Set<string>();
  #ready: string[] = [];
  readonly #again = new Set<string>();
  readonly #due = new Map<string, number>();
  #nowMs = 0;

  add(key: string): void {
    if (this.#ready.includes(key)) return;
    if (this.active.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#due.delete(key);
    this.#ready.push(key);
  }

  addAfter(key: string, delayMs: number): void {
    if (this.#ready.includes(key) || this.#again.has(key)) return;
    const dueMs = this.#nowMs + delayMs;
    const known = this.#due.get(key);
    if (known !== undefined && known <= dueMs) return;
    this.#due.delete(key);
    this.#due.set(key, dueMs);
  }

  take(): string | undefined {
    const key = this.#ready.shift();
    if (key !== undefined) this.active.add(key);
    return key;
  }

  done(key: string): void {
    this.active.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  advance(durationMs: number): void {
    this.#nowMs += durationMs;
    const due = [...this.#due].filter(([, dueMs]) => dueMs <= this.#nowMs).sort((a, b) => a[1] - b[1]);
    for (const [key] of due) {
      this.#due.delete(key);
      this.add(key);
    }
  }

  state(): object {
    return { length: this.#ready.length, delayed: this.#due.size, active: this.active.size };
  }
}
