// `npm test`: sets up, then runs the unit tests and the end-to-end tests, two files at a time where there are two cores,
// and the simulation beside them.
//   npm test -- --unit          only the unit tests
//   npm test -- --e2e           only the end-to-end tests
//   npm test -- --grep WORDS    only tests whose name matches (passed to mocha)
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';
import { findTool } from './tools.mjs';

const args = process.argv.slice(2);
const only = args.includes('--unit') ? ['unit'] : args.includes('--e2e') ? ['e2e'] : ['unit', 'e2e'];
const passed = args.filter((arg) => arg !== '--unit' && arg !== '--e2e');
const flags = { unit: ['--timeout', '30000'], e2e: ['--timeout', '180000', '--exit'] };
/** Scenarios that once failed are run before all others; then those that take longest, or one would run alone in the end. */
const begunFirst = [
  'simulation/simulation',
  'simulation/planted/planted-bugs',
  'identity/short-lives',
  'identity/health',
  'identity/clocks',
  'crash',
  'faults/network',
  'work-scenarios',
];
/** They only compute, and take no harm when they are late: they have what the others leave of the processors. */
const patient = /^test-e2e\/dist\/simulation\//;
/** It builds what all others run. */
const alone = join('test-e2e', 'dist', 'start.test.js');
/** More than these are no accident. */
const maxAgain = 4;
/** More would only wait for each other: most of the tests have servers of their own, which are processes, too. */
const jobs = Math.min(2, availableParallelism());

setUp();

/** Test files that a missing tool leaves nothing to do with. */
const testsOf = {
  openssl: ['packages/kube/dist/pki/pki.test.js', 'packages/kube/dist/pki/verify-chain.test.js'],
  etcd: [...testsUnder('packages/apiserver/dist/node/etcd'), ...testsUnder('test-e2e/dist/etcd')],
  ip: ['test-e2e/dist/faults/network.test.js'],
  // Those that speak of it, and those of a fleet of real processes, which is asked by it.
  kubectl: testsUnder('test-e2e/dist').filter((file) =>
    /kubectl|\/fleet\.js'/.test(readFileSync(join(root, file), 'utf8')),
  ),
};

const say = (text) => process.stderr.write(`${text}\n`);
const missing = Object.keys(testsOf).filter((tool) => !findTool(tool, say));
for (const tool of missing) say(`The tests that drive ${tool} are left out.`);
const leftOut = new Set(missing.flatMap((tool) => testsOf[tool]));
const total = { passed: 0, failed: 0 };
const failures = [];
const countsDir = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
const all = only.flatMap(tasksOf).map((task, index) => ({ ...task, index }));
const waiting = all.filter(({ files }) => files.length === 1 && patient.test(files[0]));
const tasks = all.filter((task) => task.files[0] !== alone && !waiting.includes(task));
const again = [];
await Promise.all([...Array.from({ length: jobs }, work), workPatiently()]);
for (const task of all.filter(({ files }) => files[0] === alone)) await runTask(task);
await runAgain();
rmSync(countsDir, { recursive: true });
if (total.passed === 0) total.failed += 1;
for (const { title, failures: failed } of failures) {
  process.stdout.write(`\nFAILED in ${title}\n`);
  for (const { title: name, message } of failed) {
    process.stdout.write(`  ${name}\n${message.replace(/^/gm, '    ')}\n`);
  }
}
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 ? 0 : 1;

/** The unit tests share one process, and so does what was asked for by name; each other file has one of its own. */
function tasksOf(suite) {
  const folders =
    suite === 'e2e'
      ? ['test-e2e/dist']
      : readdirSync(join(root, 'packages')).map((name) => `packages/${name}/dist`);
  const files = folders.flatMap(testsUnder).filter((file) => !leftOut.has(file));
  if (suite === 'unit' || passed.length > 0) return [{ suite, files, title: `${suite} tests` }];
  const rank = (file) => {
    const at = begunFirst.findIndex((name) => file === join('test-e2e', 'dist', `${name}.test.js`));
    return at < 0 ? begunFirst.length : at;
  };
  return files
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map((file) => ({ suite, files: [file], title: file.replace('dist', 'src').replace('.js', '.ts') }));
}

function testsUnder(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(folder, name));
}

async function work() {
  const next = () => tasks.shift() ?? waiting.shift();
  for (let task = next(); task !== undefined; task = next()) await runTask(task);
}

async function workPatiently() {
  for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
    await runTask({ ...task, priority: 10 });
  }
}

async function runTask(task) {
  const result = await run(task);
  if (result.failed > 0 && task.suite === 'e2e' && !isByChance(task)) again.push({ task, result });
  else count(task, result);
}

/**
 * Servers, clusters and kubectl are processes, and two files of them at a time can starve each other: a few files that
 * failed are run once more, each with the machine to itself. What fails then has failed; what does not is named.
 */
async function runAgain() {
  const isWorthIt = again.length <= maxAgain;
  for (const { task, result } of again) {
    const second = isWorthIt ? await run(task) : result;
    count(task, second);
    if (second.failed > 0) continue;
    process.stdout.write(`\nFailed beside others, passed alone: ${task.title}\n`);
    for (const { title, message } of result.failures) {
      process.stdout.write(`  ${title}\n${message.replace(/^/gm, '    ')}\n`);
    }
  }
}

/** Another run would try other seeds. */
function isByChance({ files }) {
  return files.some((file) => /simulation|fuzz/.test(file));
}

function count({ title }, { passed, failed, failures: these }) {
  total.passed += passed;
  total.failed += failed;
  if (failed > 0) failures.push({ title, failures: these });
}

/** What tests say is shown when they have ended, or two at a time could not be told from each other. */
async function run({ suite, files, title, index, priority }) {
  const countsFile = join(countsDir, String(index));
  rmSync(countsFile, { force: true });
  const mocha = join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
  const reporter = join(root, 'hack', 'mocha-reporter.cjs');
  const child = spawn(
    process.execPath,
    [
      ...['--enable-source-maps', mocha, '--no-config', '--reporter', reporter],
      ...flags[suite],
      ...files.flatMap((file) => ['--spec', file]),
      ...passed,
    ],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        FUZZ_RUNS: '2000',
        ...(process.stdout.isTTY && { FORCE_COLOR: '1' }),
        ...process.env,
        FLOTILLA_TEST_COUNTS: countsFile,
      },
    },
  );
  if (priority !== undefined && child.pid !== undefined) setPriority(child.pid, priority);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      said += text;
    });
  }
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  process.stdout.write(`\n${title}\n${said}`);
  const result = readResult(countsFile);
  if (result === undefined) return ended(`mocha ended with ${status} before its last test`);
  return status !== 0 && result.failed === 0 ? ended(`mocha ended with ${status}`, result) : result;
}

function ended(message, { passed: before } = { passed: 0 }) {
  return { passed: before, failed: 1, failures: [{ title: 'the run itself', message }] };
}

/** What the reporter left; undefined when mocha ended before its last test. */
function readResult(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
