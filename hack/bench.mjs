// `npm run bench`: measures the budgets of the design with real processes over TLS on 127.0.0.1, and prints one table.
// What it measures, and how to aim it at another hub or agent: docs/performance.md. Budgets are compared, never
// asserted: the exit code is 0 unless something could not be measured.
import { writeFileSync } from 'node:fs';
import { setUp } from './setup.mjs';

const { readOptions } = await import('./bench/options.mjs');
const options = readOptions(process.argv.slice(2));
if (options.build) setUp();
const { runBenchmark } = await import('./bench/run.mjs');
const { text, ...measured } = await runBenchmark(options);
process.stdout.write(text);
if (options.json !== undefined) {
  const { machine, rows: figures, curves, failures } = measured;
  writeFileSync(options.json, `${JSON.stringify({ machine, figures, curves, failures }, null, 2)}\n`);
}
process.exitCode = measured.failures.length === 0 ? 0 : 1;
