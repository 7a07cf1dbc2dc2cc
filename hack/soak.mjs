// `npm run soak`: a fleet of real processes under mixed load, and whether memory, handles, disk and event-loop delay are
// flat after the warm-up. docs/reliability.md shows a run.
//   npm run soak -- --minutes 30                   ends with a table, and .flotilla/soak.svg
//   npm run soak -- --minutes 30 --out FILE
// The exit code is 1 when a process died, a promise was broken or something is not flat.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root, setUp } from './setup.mjs';

const options = readOptions();
if (!options['no-build']) setUp();
const { runSoak } = await import('../test-e2e/dist/soak/run-soak.js');
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stop.abort(new Error(name)));
try {
  const { isFlat } = await runSoak({
    minutes: Number(options.minutes),
    clusters: Number(options.clusters),
    restarts: options.restarts,
    out: options.out === undefined ? join(root, '.flotilla', 'soak.svg') : resolve(options.out),
    say: (text) => process.stdout.write(`${text}\n`),
    signal: stop.signal,
  });
  process.exit(isFlat === false ? 1 : 0);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '10' },
        clusters: { type: 'string', default: '3' },
        restarts: { type: 'boolean', default: false },
        out: { type: 'string' },
        'no-build': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (!(Number(values.minutes) > 0)) throw new Error('--minutes takes a number above 0');
    if (!/^[1-9]\d?$/.test(values.clusters)) throw new Error('--clusters takes a number from 1 to 99');
    if (!values.help) return values;
    usage('');
    process.exit(0);
  } catch (error) {
    usage(`${error.message}\n`);
    process.exit(2);
  }
}

function usage(why) {
  process.stderr.write(`${why}usage: npm run soak -- [--minutes M] [--clusters N] [--restarts] [--out FILE]
  --minutes M    how long the load lasts; default 10
  --clusters N   managed clusters, each with its klusterlet; default 3
  --restarts     each minute a klusterlet starts again, but never the first
  --out FILE     the plot, an SVG; default .flotilla/soak.svg
  --no-build     run what is built already
`);
}
