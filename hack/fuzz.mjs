// `npm run fuzz`: the fuzz targets alone, with as many cases as asked. See docs/fuzzing.md.
//   npm run fuzz -- --cases 100000    so many cases of each target; default 2,000, as in CI
//   npm run fuzz -- --only NAME       targets whose name has these words in it
//   npm run fuzz -- --seed S          the same cases again
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root, setUp } from './setup.mjs';

const options = { cases: { type: 'string' }, only: { type: 'string' }, seed: { type: 'string' } };
const { cases = '2000', only, seed } = readOptions();
for (const [name, value] of [
  ['cases', cases],
  ['seed', seed],
]) {
  if (value !== undefined && !/^\d+$/.test(value)) fail(`--${name} must be a number, not ${value}`);
}
setUp();
const files = [
  'packages/*/dist/**/*.fuzz.test.js',
  'packages/*/dist/**/*.damage.test.js',
  'test-e2e/dist/fuzz/**/*.test.js',
];
const result = spawnSync(
  process.execPath,
  [
    '--enable-source-maps',
    join(root, 'node_modules', 'mocha', 'bin', 'mocha.js'),
    '--no-config',
    '--exit',
    ...files.flatMap((pattern) => ['--spec', pattern]),
    ...(only === undefined ? [] : ['--fgrep', only]),
  ],
  {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, FUZZ_RUNS: cases, ...(seed !== undefined && { FUZZ_SEED: seed }) },
  },
);
process.exitCode = result.status ?? 1;

function readOptions() {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return fail(error.message);
  }
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
