/**
 * Loaded into each process of a soak by `--import`: writes the 99th percentile of the event-loop delay of the last
 * seconds, in milliseconds, to a file named after the process. A delay counts as far as the process used the CPU
 * meanwhile: for how long a busy machine kept it waiting says nothing about it. Keeps no process alive.
 */
import { writeFile } from 'node:fs';
import { join } from 'node:path';

const directory = process.env['FLOTILLA_SOAK_DELAYS'];
const lookEveryMs = 10;
const writeEveryMs = 5000;

if (directory !== undefined) {
  let delays: number[] = [];
  let lookedMs = performance.now();
  let used = process.cpuUsage();
  setInterval(() => {
    const nowMs = performance.now();
    const { user, system } = process.cpuUsage(used); // of all its threads: an upper bound
    const lateMs = nowMs - lookedMs - lookEveryMs;
    delays.push(Math.max(0, Math.min(lateMs, (user + system) / 1000)));
    lookedMs = nowMs;
    used = process.cpuUsage();
  }, lookEveryMs).unref();
  setInterval(() => {
    const sorted = delays.sort((a, b) => a - b);
    delays = [];
    const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0;
    // One that cannot be written is one sample less.
    writeFile(join(directory, String(process.pid)), p99.toFixed(1), () => undefined);
  }, writeEveryMs).unref();
}
