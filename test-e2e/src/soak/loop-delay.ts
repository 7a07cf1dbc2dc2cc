/**
 * Loaded into each process of a soak by `--import`: writes the 99th percentile of the event-loop delay of the last
 * seconds, in milliseconds, to a file named after the process. Keeps no process alive.
 */
import { writeFile } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const directory = process.env['FLOTILLA_SOAK_DELAYS'];
const resolutionMs = 10;

if (directory !== undefined) {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  const timer = setInterval(() => {
    const delayMs = Math.max(0, histogram.percentile(99) / 1e6 - resolutionMs);
    histogram.reset();
    // One that cannot be written is one sample less.
    writeFile(join(directory, String(process.pid)), delayMs.toFixed(1), () => undefined);
  }, 5000);
  timer.unref();
}
