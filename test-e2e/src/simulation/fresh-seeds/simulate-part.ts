/**
 * `npm run sim` as a test: SIM_RUNS fleets that nobody has simulated before, in two parts so that two test files share
 * them and each has one core. The seeds follow SIM_BASE_SEED, by chance if it is not given, and are in the name of the
 * test. A failure ends in bounded time: one minute for each of two at most to look for a shorter scenario.
 */
import { join } from 'node:path';
import { expect } from 'chai';
import { root, run } from '../../support/processes.js';

/** None without SIM_RUNS: a run of all tests then says the same twice. */
const fleets = Number(process.env['SIM_RUNS'] ?? 0);
/** Some ten times what a fleet takes on one quiet core. */
const longestFleetMs = 15_000;
const longestStartMs = 300_000;
const highestBaseSeed = 900_000_000;

/** Fails with what the simulation said of the first broken promise. */
async function simulate(args: readonly string[], timeoutMs: number): Promise<void> {
  const script = join(root, 'hack', 'sim.mjs');
  const { code, stdout, stderr } = await run(process.execPath, [script, '--no-build', ...args], {
    timeoutMs,
  });
  const said = stdout + stderr;
  expect(code, said.slice(Math.max(0, said.indexOf('FAILED')))).to.equal(0);
}

function longestMs(runs: number): number {
  return longestStartMs + runs * longestFleetMs;
}

/** Defines the test of one half of the fleets. */
export function simulatePart(part: 0 | 1): void {
  const half = Math.ceil(fleets / 2);
  const runs = part === 0 ? half : fleets - half;
  if (runs === 0) return;
  const given = process.env['SIM_BASE_SEED'];
  const base = given === undefined ? Math.floor(Math.random() * highestBaseSeed) : Number(given);
  const first = base + part * half;
  describe('simulation of fleets never seen', () => {
    it(`keeps every promise with the seeds ${first} to ${first + runs - 1}`, function () {
      this.timeout(longestMs(runs));
      const limits = ['--jobs', '1', '--max-failures', '2', '--shrink-seconds', '60'];
      const which = ['--no-corpus', '--base-seed', String(first), '--runs', String(runs)];
      return simulate(['--no-keep', ...limits, ...which], longestMs(runs));
    });
  });
}
