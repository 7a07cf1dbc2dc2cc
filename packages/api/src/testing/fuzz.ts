/**
 * Fuzz targets as mocha tests: so many random cases from one seed, the shortest failing one in the message, and an end
 * of the process when a case hangs. FUZZ_RUNS=n asks for so many cases, FUZZ_SEED=n for the same ones again;
 * `npm test` and `npm run fuzz` set them. For tests only.
 */
import { Worker } from 'node:worker_threads';
import fc, { type Arbitrary } from 'fast-check';
import { slots, type WatchdogData } from './fuzz-watchdog.js';

export interface FuzzTarget<T> {
  /** As in "fuzz: NAME". */
  readonly name: string;
  readonly cases: Arbitrary<T>;
  /** Throws, or answers a rejection, when the case shows a defect. */
  readonly check: (value: T) => void | Promise<void>;
  /** Cases that have once failed: every run begins with them. */
  readonly past?: readonly T[];
  /** How many cases one value stands for; default 1. */
  readonly casesPerValue?: number;
  /** How long one value may take; default 10 s, which the slowest machine reaches only by a hang. */
  readonly limitMs?: number;
}

/** While working on something else; `npm test` asks for 2,000. */
export const defaultFuzzCases = 200;
export const fuzzSeed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const asked = process.env['FUZZ_RUNS'];

/** Declares the test; to be called inside a `describe`. */
export function fuzz<T>(target: FuzzTarget<T>): void {
  const cases = Number(asked ?? defaultFuzzCases);
  const limitMs = target.limitMs ?? 10_000;
  it(`fuzz: ${target.name} (${cases} cases, seed ${fuzzSeed})`, async function () {
    this.timeout(0);
    const watchdog = Watchdog.over(`fuzz: ${target.name} with seed ${fuzzSeed}`, limitMs);
    try {
      await run(target, { cases, watchdog });
    } finally {
      watchdog.close();
    }
  });
}

async function run<T>(
  { cases: arbitrary, check, past = [], casesPerValue = 1 }: FuzzTarget<T>,
  { cases, watchdog }: { readonly cases: number; readonly watchdog: Watchdog },
): Promise<void> {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  try {
    const property = fc.asyncProperty(arbitrary, async (value) => {
      watchdog.beat();
      await check(value);
      if (unhandled.length > 0) throw new Error('unhandled rejection', { cause: unhandled.shift() });
    });
    const numRuns = Math.max(1, Math.ceil(cases / casesPerValue)) + past.length;
    await fc.assert(property, {
      numRuns,
      seed: fuzzSeed,
      examples: past.map((value) => [value]),
      interruptAfterTimeLimit: 3_600_000, // of shrinking, too
      markInterruptAsFailure: true,
    });
    await new Promise((resolve) => setImmediate(resolve)); // a rejection is told a turn later
    if (unhandled.length > 0) throw new Error('unhandled rejection', { cause: unhandled.shift() });
  } finally {
    process.off('unhandledRejection', note);
  }
}

class Watchdog {
  readonly #state: Int32Array;
  readonly #worker: Worker;

  private constructor(state: Int32Array, worker: Worker) {
    this.#state = state;
    this.#worker = worker;
  }

  static over(what: string, limitMs: number): Watchdog {
    const beats = new SharedArrayBuffer(slots.count * Int32Array.BYTES_PER_ELEMENT);
    const text = new TextEncoder().encode(what);
    const name = new SharedArrayBuffer(text.length);
    new Uint8Array(name).set(text);
    const state = new Int32Array(beats);
    state[slots.nameLength] = text.length;
    state[slots.isRunning] = 1;
    const workerData: WatchdogData = { beats, name, limitMs };
    const worker = new Worker(new URL('./fuzz-watchdog.js', import.meta.url), { workerData });
    worker.unref();
    return new Watchdog(state, worker);
  }

  beat(): void {
    Atomics.add(this.#state, slots.beat, 1);
  }

  close(): void {
    Atomics.store(this.#state, slots.isRunning, 0);
    void this.#worker.terminate();
  }
}
