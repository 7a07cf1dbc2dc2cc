// `npm run sim`: builds whole fleets in one process on a virtual clock, network and disk, breaks them at random, and
// checks every promise of the design. docs/reliability.md tells what is promised and how each promise is checked.
//   npm run sim                       the corpus, then 100 fresh seeds
//   npm run sim -- --runs 500         more
//   npm run sim -- --hours 1          as long as asked, with progress and how much code was run
//   npm run sim -- --seed 42          one seed, twice: the same to the byte
//   npm run sim -- --replay FILE      a kept scenario, likewise
//   npm run sim -- --from-corpus      only scenarios that once failed
//   npm run sim -- --coverage         also: how much of the hub's and the klusterlet's code it ran, file by file
//   npm run sim -- --planted          plants known bugs one at a time: each must be found within 200 seeds
// The exit code is 1 when a promise was broken. The shortest failing scenario found is printed and kept in the corpus.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, setUp } from './setup.mjs';

const options = readOptions();
if (!options['no-build']) setUp();
const { replay, simulate } = await import('../test-e2e/dist/simulation/runner/simulate.js');
const isLong = options.hours !== undefined;
const measures = options.coverage || (isLong && !options['no-coverage']);
const coverageDirectory = measures ? mkdtempSync(join(tmpdir(), 'flotilla-sim-')) : undefined;
if (coverageDirectory !== undefined) process.env.NODE_V8_COVERAGE = coverageDirectory;
if (options.planted) process.exit(await huntPlanted());
const isReplay = options.seed !== undefined || options.replay !== undefined;
const wish = {
  runs: Number(options.runs),
  baseSeed:
    options['base-seed'] === undefined ? Math.floor(Math.random() * 1e9) : Number(options['base-seed']),
  jobs: Number(options.jobs),
  ...(options.hours !== undefined && { forMs: Number(options.hours) * 3_600_000 }),
  onlyCorpus: options['from-corpus'],
  shrinkForMs: options['no-shrink'] ? 0 : Number(options['shrink-seconds']) * 1000,
  maxFailures: Number(options['max-failures']),
  onlySeeds: options['no-corpus'],
  keeps: !options['no-keep'] && !isReplay,
  say: (text) => process.stdout.write(`${text}\n`),
};
const { failures } = isReplay
  ? await replay(options.seed === undefined ? { file: options.replay } : { seed: Number(options.seed) }, wish)
  : await simulate(wish);
if (coverageDirectory !== undefined) reportCoverage(coverageDirectory, { byFile: options.coverage });
process.exitCode = failures.length === 0 ? 0 : 1;

async function huntPlanted() {
  const { hunt, toMarkdown } = await import('../test-e2e/dist/simulation/planted/hunt.js');
  const found = await hunt({
    only: options.bug,
    maxSeeds: Number(options['max-seeds']),
    jobs: Number(options.jobs),
    say: (text) => process.stdout.write(`${text}\n`),
  });
  if (options.markdown) process.stdout.write(`\n${toMarkdown(found)}\n`);
  return found.every(({ seed }) => seed !== undefined) ? 0 : 1;
}

/** One line for each package, or a table of its files. */
function reportCoverage(directory, { byFile }) {
  for (const name of ['klusterlet', 'hub']) {
    const include = ['src', 'dist'].flatMap((part) => ['--include', `packages/${name}/${part}/**`]);
    const out = join(directory, `report-${name}`);
    const reporters = ['json-summary', ...(byFile ? ['text'] : [])].flatMap((each) => ['--reporter', each]);
    const c8 = join(root, 'node_modules', 'c8', 'bin', 'c8.js');
    const args = ['report', '--temp-directory', directory, '--reports-dir', out, '--exclude', '**/*.test.*'];
    spawnSync(process.execPath, [c8, ...args, ...reporters, ...include], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const { lines, branches } = JSON.parse(readFileSync(join(out, 'coverage-summary.json'), 'utf8')).total;
    process.stdout.write(
      `code of ${name} that was run: ${lines.pct} % of lines, ${branches.pct} % of branches\n`,
    );
  }
  rmSync(directory, { recursive: true });
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        runs: { type: 'string', default: '100' },
        hours: { type: 'string' },
        seed: { type: 'string' },
        'base-seed': { type: 'string' },
        replay: { type: 'string' },
        'from-corpus': { type: 'boolean', default: false },
        jobs: { type: 'string', default: String(Math.min(8, availableParallelism())) },
        planted: { type: 'boolean', default: false },
        'max-seeds': { type: 'string', default: '200' },
        bug: { type: 'string', multiple: true, default: [] },
        markdown: { type: 'boolean', default: false },
        coverage: { type: 'boolean', default: false },
        'no-coverage': { type: 'boolean', default: false },
        'no-shrink': { type: 'boolean', default: false },
        'shrink-seconds': { type: 'string', default: '120' },
        'max-failures': { type: 'string', default: '3' },
        'no-corpus': { type: 'boolean', default: false },
        'no-keep': { type: 'boolean', default: false },
        'no-build': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    for (const name of ['runs', 'max-seeds', 'seed', 'base-seed', 'jobs', 'shrink-seconds', 'max-failures']) {
      const given = values[name];
      if (given !== undefined && !/^\d{1,9}$/.test(given)) throw new Error(`--${name} takes a whole number`);
    }
    if (values.jobs === '0') throw new Error('--jobs takes at least 1');
    if (values.hours !== undefined && !(Number(values.hours) > 0))
      throw new Error('--hours takes a number above 0');
    if (!values.help) return values;
    usage('');
    process.exit(0);
  } catch (error) {
    usage(`${error.message}\n`);
    process.exit(2);
  }
}

function usage(why) {
  process.stderr.write(`${why}usage: npm run sim -- [--runs N | --hours H | --seed S | --replay FILE | --from-corpus]
  --runs N         the corpus, then N fresh seeds; default 100
  --hours H        the corpus, then fresh seeds for so long, and how much code that ran
  --seed S         one seed, twice, and whether both went the same way to the byte
  --replay FILE    a scenario that was kept, likewise
  --from-corpus    only the corpus
  --base-seed S    the first of the fresh seeds; else by chance, and printed
  --jobs N         worker processes; default one for each processor, at most 8
  --coverage       how much of the code of hub and klusterlet was run, file by file
  --no-coverage    with --hours: do not measure that
  --planted        plant known bugs, one at a time; each must be found within 200 seeds
  --bug NAME       of them only this one; may be given several times
  --max-seeds N    for each bug; default 200
  --markdown       and the table for docs/reliability.md
  --no-shrink      do not look for a shorter scenario that fails too
  --shrink-seconds N   how long to look for it, for each failure; default 120
  --max-failures N     after so many no more runs begin; default 3
  --no-corpus      only the seeds
  --no-keep        do not put failing scenarios into the corpus
  --no-build       run what is built already
`);
}
