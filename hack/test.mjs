// `npm test`: sets up, then runs the unit tests and the end-to-end tests.
//   npm test -- --unit          only the unit tests
//   npm test -- --e2e           only the end-to-end tests
//   npm test -- --grep WORDS    only tests whose name matches (passed to mocha)
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';

const args = process.argv.slice(2);
const only = args.includes('--unit') ? ['unit'] : args.includes('--e2e') ? ['e2e'] : ['unit', 'e2e'];
const passed = args.filter((arg) => arg !== '--unit' && arg !== '--e2e');
const suites = {
  unit: ['--spec', 'packages/*/dist/**/*.test.js', '--timeout', '30000'],
  e2e: ['--spec', 'test-e2e/dist/**/*.test.js', '--timeout', '180000', '--exit'],
};

setUp();
const total = { passed: 0, failed: 0 };
for (const name of only) {
  process.stderr.write(`\nRunning the ${name === 'e2e' ? 'end-to-end' : 'unit'} tests ...\n`);
  const result = spawnSync(
    process.execPath,
    [
      '--enable-source-maps',
      join(root, 'node_modules', 'mocha', 'bin', 'mocha.js'),
      '--no-config',
      '--reporter',
      join(root, 'hack', 'mocha-reporter.cjs'),
      ...suites[name],
      ...passed,
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
  );
  process.stdout.write(result.stdout);
  const counts = /^COUNTS (\d+) (\d+)$/m.exec(result.stdout);
  total.passed += Number(counts?.[1] ?? 0);
  total.failed += Number(counts?.[2] ?? 0);
  if (counts === null || (result.status !== 0 && Number(counts[2]) === 0)) total.failed += 1;
}
if (total.passed === 0) total.failed += 1;
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
