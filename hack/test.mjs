// `npm test`: sets up, then runs the unit tests and the end-to-end tests.
//   npm test -- --unit          only the unit tests
//   npm test -- --e2e           only the end-to-end tests
//   npm test -- --grep WORDS    only tests whose name matches (passed to mocha)
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';
import { findTool } from './tools.mjs';

const args = process.argv.slice(2);
const only = args.includes('--unit') ? ['unit'] : args.includes('--e2e') ? ['e2e'] : ['unit', 'e2e'];
const passed = args.filter((arg) => arg !== '--unit' && arg !== '--e2e');
const suites = {
  unit: ['--spec', 'packages/*/dist/**/*.test.js', '--timeout', '30000'],
  e2e: ['--spec', 'test-e2e/dist/**/*.test.js', '--timeout', '180000', '--exit'],
};

setUp();

/** Test files that a missing tool leaves nothing to do with. */
const testsOf = {
  openssl: {
    unit: ['packages/kube/dist/pki/pki.test.js', 'packages/kube/dist/pki/verify-chain.test.js'],
    e2e: [],
  },
  etcd: { unit: ['packages/apiserver/dist/node/etcd/*.test.js'], e2e: ['test-e2e/dist/etcd/*.test.js'] },
  ip: { unit: [], e2e: ['test-e2e/dist/faults/network.test.js'] },
  // Those that speak of it, and those of a fleet of real processes, which is asked by it.
  kubectl: { unit: [], e2e: endToEndTestsWith(/kubectl|\/fleet\.js'/) },
};

const say = (text) => process.stderr.write(`${text}\n`);
const missing = Object.keys(testsOf).filter((tool) => !findTool(tool, say));
for (const tool of missing) say(`The tests that drive ${tool} are left out.`);
const total = { passed: 0, failed: 0 };
const countsDir = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
for (const name of only) {
  process.stderr.write(`\nRunning the ${name === 'e2e' ? 'end-to-end' : 'unit'} tests ...\n`);
  const countsFile = join(countsDir, name);
  const result = spawnSync(
    process.execPath,
    [
      '--enable-source-maps',
      join(root, 'node_modules', 'mocha', 'bin', 'mocha.js'),
      '--no-config',
      '--reporter',
      join(root, 'hack', 'mocha-reporter.cjs'),
      ...suites[name],
      ...missing.flatMap((tool) => testsOf[tool][name].flatMap((files) => ['--ignore', files])),
      ...passed,
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { FUZZ_RUNS: '2000', ...process.env, FLOTILLA_TEST_COUNTS: countsFile },
    },
  );
  const counts = /^(\d+) (\d+)$/.exec(readCounts(countsFile));
  total.passed += Number(counts?.[1] ?? 0);
  total.failed += Number(counts?.[2] ?? 0);
  if (counts === null || (result.status !== 0 && Number(counts[2]) === 0)) total.failed += 1;
}
rmSync(countsDir, { recursive: true });
if (total.passed === 0) total.failed += 1;
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 ? 0 : 1;

/** The files whose text matches, from the root. */
function endToEndTestsWith(pattern) {
  const folder = join('test-e2e', 'dist');
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(folder, name))
    .filter((file) => pattern.test(readFileSync(join(root, file), 'utf8')));
}

/** What the reporter left; nothing when mocha ended before its last test. */
function readCounts(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
