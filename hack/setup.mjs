// Makes a fresh clone ready to run: checks Node, installs the pinned packages, builds. Does nothing twice.
// Called by start.mjs, test.mjs and bench.mjs; needs only Node and npm.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'node_modules', '.flotilla-installed');

/** Ends the process with one clear sentence when something is missing. */
export function setUp({ quiet = false } = {}) {
  const say = (text) => {
    if (!quiet) process.stderr.write(`${text}\n`);
  };
  const [major, minor] = process.versions.node.split('.').map(Number);
  const isServed = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  if (!isServed) {
    fail(`Node ${process.versions.node} is too old: Flotilla needs Node 20.19, 22.12 or newer.`);
  }
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
    say('Installing packages (npm ci) ...');
    run(
      process.platform === 'win32' ? 'npm.cmd' : 'npm',
      ['ci', '--no-audit', '--no-fund', '--loglevel=error'],
      'npm ci',
    );
    writeFileSync(stamp, lock);
  }
  say('Building ...');
  run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'], 'the build (tsc -b)');
  run(process.execPath, [join(root, 'hack', 'bundle.mjs')], 'the bundling of the commands');
}

function run(command, args, what) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (result.error) fail(`${what} could not be started: ${result.error.message}`);
  if (result.status !== 0) fail(`${what} failed:\n${result.stdout}${result.stderr}`);
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

if (process.argv[2] === '--run') setUp();
