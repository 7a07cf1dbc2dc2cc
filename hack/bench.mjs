// `npm run bench`: measures the budgets of the design with real processes over TLS on 127.0.0.1, and prints one table.
//   npm run bench                        everything, three times, the median of each figure; under four minutes
//   npm run bench -- --only work         one part: start, klusterlet, commands, work, thousand, join, server
//   npm run bench -- --only manifests    one klusterlet with 10,000 objects
//   npm run bench -- --only scale        the API server with 100,000 objects; and watchers: with 10,000 of them
//   npm run bench -- --only fleet        1,000 simulated clusters on one hub, or --clusters N of them
//   npm run bench -- --runs 1            fewer repetitions
//   npm run bench -- --json FILE         also write machine, figures and single runs to a file
//   npm run bench -- --cpu-prof DIR      a CPU profile of each process; the figures suffer
// Budgets are compared, never asserted: the exit code is 0 unless something could not be measured.
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { setUp } from './setup.mjs';

const parts = [
  'start',
  'klusterlet',
  'commands',
  'work',
  'thousand',
  'join',
  'server',
  'manifests',
  'scale',
  'watchers',
  'fleet',
];
const options = readOptions();
if (!options['no-build']) setUp();
const { runBenchmark } = await import('./bench/run.mjs');
const { machine, rows, text, failures } = await runBenchmark({
  only: options.only,
  runs: Number(options.runs),
  clusters: Number(options.clusters),
  ...(options['cpu-prof'] && { profileDirectory: resolve(options['cpu-prof']) }),
});
process.stdout.write(text);
if (options.json !== undefined) {
  writeFileSync(options.json, `${JSON.stringify({ machine, figures: rows, failures }, null, 2)}\n`);
}
process.exitCode = failures.length === 0 ? 0 : 1;

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: [] },
        runs: { type: 'string', default: '3' },
        clusters: { type: 'string', default: '1000' },
        json: { type: 'string' },
        'cpu-prof': { type: 'string' },
        'no-build': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const unknown = values.only.find((name) => !parts.includes(name));
    if (unknown !== undefined) throw new Error(`there is no part ${JSON.stringify(unknown)}`);
    if (!/^[1-9]\d?$/.test(values.runs)) throw new Error('--runs takes a number from 1 to 99');
    if (!/^[1-9]\d{0,4}$/.test(values.clusters)) throw new Error('--clusters takes a number from 1 to 99999');
    if (!values.help) return values;
    usage('');
    process.exit(0);
  } catch (error) {
    usage(`${error.message}\n`);
    process.exit(2);
  }
}

function usage(why) {
  process.stderr.write(`${why}usage: npm run bench -- [--only NAME]... [--runs N] [--clusters N] [--json FILE] [--no-build]
  --only NAME   one of ${parts.join(', ')}; may be given several times
  --runs N      repetitions, of which the median counts; default 3
  --clusters N  clusters of the part fleet; default 1000
  --json FILE   also write everything measured to FILE
  --cpu-prof DIR  a CPU profile of each hub, API server and klusterlet; the figures suffer
  --no-build    measure what is built already
`);
}
