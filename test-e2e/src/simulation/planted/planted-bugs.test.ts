/**
 * That the simulation bites, in every run of all tests: some of the planted bugs, those that are found within few seeds.
 * `npm run sim -- --planted` plants them all.
 */
import { join } from 'node:path';
import { expect } from 'chai';
import { root, run } from '../../support/processes.js';

const sample = [
  'forget-saved-works',
  'act-before-saved',
  'apply-before-recording',
  'orphan-deletes',
  'drop-owner-check',
  'reuse-stale-version',
];
/** More than they need by far: where in the seeds a bug shows changes with what scenarios are made of. */
const maxSeeds = 40;
const timeoutMs = 900_000;

describe('planted bugs, one at a time', function () {
  this.timeout(timeoutMs);

  it(`finds ${sample.join(', ')}`, async () => {
    const args = ['--no-build', '--planted', '--max-seeds', String(maxSeeds)];
    const script = join(root, 'hack', 'sim.mjs');
    const bugs = sample.flatMap((name) => ['--bug', name]);
    const { code, stdout, stderr } = await run(process.execPath, [script, ...args, ...bugs], { timeoutMs });
    expect(code, stdout + stderr).to.equal(0);
    expect(stdout).to.contain(`${sample.length} of ${sample.length} planted bugs found`);
  });

  it('says so, and fails, when one is not found', async () => {
    const script = join(root, 'hack', 'sim.mjs');
    const args = ['--no-build', '--planted', '--max-seeds', '0', '--bug', 'skip-fsync', '--markdown'];
    const { code, stdout } = await run(process.execPath, [script, ...args], { timeoutMs });
    expect(code).to.equal(1);
    expect(stdout).to.contain('skip-fsync: NOT FOUND in 0 seeds');
    expect(stdout).to.contain('0 of 1 planted bugs found');
    expect(stdout).to.match(/^\| skip-fsync \|.*\| not found \|/m);
  });
});
