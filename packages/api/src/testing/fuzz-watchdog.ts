/**
 * Ends a process whose main thread has stood still in one fuzz case for too long: nothing on that thread could. Runs as
 * a worker thread beside the tests; started by `fuzz.ts`.
 */
import { workerData } from 'node:worker_threads';

/** What the main thread writes before each case, and the name of its target. */
export interface WatchdogData {
  readonly beats: SharedArrayBuffer;
  readonly name: SharedArrayBuffer;
  readonly limitMs: number;
}

export const slots = Object.freeze({ beat: 0, isRunning: 1, nameLength: 2, count: 3 });

if (workerData !== null) watch(workerData as WatchdogData); // as `fuzz.ts` starts it

function watch({ beats, name, limitMs }: WatchdogData): void {
  const state = new Int32Array(beats);
  let last = -1;
  let sinceMs = performance.now();
  setInterval(() => {
    const beat = Atomics.load(state, slots.beat);
    if (beat !== last || Atomics.load(state, slots.isRunning) === 0) {
      last = beat;
      sinceMs = performance.now();
      return;
    }
    if (performance.now() - sinceMs < limitMs) return;
    const bytes = new Uint8Array(name).slice(0, Atomics.load(state, slots.nameLength));
    const what = new TextDecoder().decode(bytes);
    process.stderr.write(`${what}: case ${beat} hangs for more than ${limitMs / 1000} s\n`, () =>
      process.kill(process.pid, 'SIGKILL'),
    );
  }, 500);
}
