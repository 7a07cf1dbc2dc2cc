/**
 * Proves that a simulation stays inside: while it runs, every use of the real clock, of real chance and of real timers
 * is noted and refused, and every operation that the runtime hands to the operating system is noted.
 */
import { createHook } from 'node:async_hooks';

/** What promises, the virtual clock's turn of the loop and computations make; anything else leaves the process. */
const innerTypes = new Set([
  'PROMISE',
  'TickObject',
  'Immediate',
  'Microtask',
  'KEYPAIRGENREQUEST',
  'SIGNREQUEST',
]);

/** Runs it; tells which doors to the real world it tried, none of which opened. */
export async function notingTheRealWorld<T>(
  run: () => Promise<T>,
): Promise<{ readonly result: T; readonly touched: readonly string[] }> {
  await new Promise((resolve) => setImmediate(resolve)); // the test runner sets its own timer first
  const touched = new Set<string>();
  const hook = createHook({
    init: (_id, type) => {
      if (!innerTypes.has(type)) touched.add(type);
    },
  });
  const restore = closeDoors((name) => {
    touched.add(name);
    throw new Error(`the simulation used ${name}`);
  });
  hook.enable();
  try {
    return { result: await run(), touched: [...touched].sort() };
  } finally {
    hook.disable();
    restore();
  }
}

function closeDoors(refuse: (name: string) => never): () => void {
  const RealDate = Date;
  const restores: (() => void)[] = [];
  const close = <T extends object, K extends keyof T>(owner: T, key: K, instead: T[K]): void => {
    const real = owner[key];
    owner[key] = instead;
    restores.push(() => {
      owner[key] = real;
    });
  };
  const refusal = (name: string) => (): never => refuse(name);
  class ClosedDate extends RealDate {
    constructor(...given: [] | [number | string | Date]) {
      if (given.length === 0) refuse('new Date()');
      super(given[0] as number);
    }
    static override now = refusal('Date.now');
  }
  close(globalThis, 'Date', ClosedDate as unknown as DateConstructor);
  close(globalThis, 'setTimeout', refusal('setTimeout') as unknown as typeof setTimeout);
  close(globalThis, 'setInterval', refusal('setInterval') as unknown as typeof setInterval);
  close(globalThis, 'fetch', refusal('fetch'));
  close(Math, 'random', refusal('Math.random'));
  close(performance, 'now', refusal('performance.now'));
  return () => {
    for (const restore of restores.reverse()) restore();
  };
}
