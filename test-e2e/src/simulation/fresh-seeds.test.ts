/**
 * Fleets that nobody has simulated before, and bugs that the simulation must find: as many as SIM_RUNS asks for. A
 * failure names its seed. Without SIM_RUNS there is none of it: a run of all tests then says the same twice.
 */
import { join } from 'node:path';
import { expect } from 'chai';
import { root, run } from '../support/processes.js';

const runs = Number(process.env['SIM_RUNS'] ?? 0);
const plantedBugs = [
  'forget-saved-works',
  'keep-removed-works',
  'drop-owner-check',
  'forget-pruning',
  'release-before-clean',
];
/** Some ten times what a fleet takes on one quiet core; the scenarios of the corpus come first. */
const longestFleetMs = 15_000;
const longestStartMs = 300_000;

async function simulate(args: readonly string[], timeoutMs: number): Promise<void> {
  const script = join(root, 'hack', 'sim.mjs');
  const { code, stdout, stderr } = await run(process.execPath, [script, '--no-build', ...args], {
    timeoutMs,
  });
  expect(code, stdout + stderr).to.equal(0);
}

if (runs > 0) {
  describe('simulation of fleets never seen', () => {
    const allMs = longestStartMs + runs * longestFleetMs;
    it(`keeps every promise with ${runs} fresh seeds`, function () {
      this.timeout(allMs);
      return simulate(['--no-keep', '--runs', String(runs)], allMs);
    });

    it(`finds ${plantedBugs.join(', ')}, planted one at a time`, function () {
      const timeoutMs = longestStartMs + 200 * longestFleetMs;
      this.timeout(timeoutMs);
      return simulate(['--planted', ...plantedBugs.flatMap((bug) => ['--bug', bug])], timeoutMs);
    });
  });
}
