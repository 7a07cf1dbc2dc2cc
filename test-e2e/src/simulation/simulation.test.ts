import { join } from 'node:path';
import { expect } from 'chai';
import { root, run } from '../support/processes.js';
import { planScenario } from './plan-scenario.js';
import { describeFailure } from './report.js';
import { runScenario } from './run-scenario.js';
import { readCorpus } from './runner/corpus.js';
import { type Action, hubLink, type Scenario } from './scenario.js';

const longestRunMs = 120_000;
/** The same ones each time: a run of all tests says the same twice. Fresh ones are for `npm run sim`. */
const seeds = Array.from({ length: 20 }, (_, i) => i + 1);

async function holds(scenario: Scenario): Promise<void> {
  const result = await runScenario(scenario);
  if (result.breaches.length > 0) throw new Error(describeFailure(scenario, result));
}

describe('simulation', function () {
  this.timeout(longestRunMs * seeds.length);

  for (const { name, what, scenario } of readCorpus()) {
    it(`keeps every promise in ${name} of the corpus: ${what}`, () => holds(scenario));
  }

  for (const cutMs of [2, 5, 8, 11, 14]) {
    it(`never goes back to an older spec when the hub is lost ${cutMs} ms after the newer one`, () =>
      holds(losesHubAfter(cutMs)));
  }

  it(`keeps every promise with seeds 1 to ${seeds.length}`, async () => {
    for (const seed of seeds) await holds(planScenario(seed));
  });

  it('goes the same way each time for the same seed', async () => {
    const seed = 3;
    const first = await runScenario(planScenario(seed));
    const second = await runScenario(planScenario(seed));
    expect(second.events).to.be.greaterThan(100);
    expect(second.steps).to.deep.equal(first.steps);
    expect(second.traceHash).to.equal(first.traceHash);
  });

  it('touches neither the real clock nor any timer, file or socket', async () => {
    const check = join(root, 'test-e2e', 'dist', 'simulation', 'real-world-check.js');
    const { stdout, stderr } = await run(process.execPath, [check]);
    expect(stdout, stderr).to.equal(JSON.stringify({ breaches: [], touched: [] }));
  });
});

/** A work is made, the hub is lost on the way to its status, and the work has changed when the hub is back. */
function losesHubAfter(cutMs: number): Scenario {
  const cluster = 'c1';
  const edition = (...names: string[]): Action => ({
    do: 'apply',
    plan: {
      cluster,
      name: 'alpha',
      orphan: false,
      items: names.map((name) => ({ kind: 'configmap', name, strategy: 'Update' })),
    },
  });
  return {
    seed: cutMs,
    clusters: [{ name: cluster, minor: 32 }],
    steps: [
      { ...edition('alpha-x', 'alpha-y'), thenMs: cutMs },
      { do: 'cut', link: hubLink(cluster), mode: 'refuse', thenMs: 20_000 },
      { ...edition('alpha-x', 'alpha-z'), thenMs: 90_000 },
      { do: 'heal', link: hubLink(cluster), thenMs: 90_000 },
    ],
  };
}
