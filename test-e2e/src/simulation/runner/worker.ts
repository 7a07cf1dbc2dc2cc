/**
 * A process that runs the scenarios it is sent, one after the other, and answers with what came of each. An error that
 * nobody awaited is a breach of the run it happened in. Started by the worker pool, and with planted bugs by their hook.
 */
import './tuning.js';
import { describeFailure } from '../report.js';
import { type RunResult, runScenario } from '../run-scenario.js';
import type { Scenario } from '../scenario.js';
import { shrink } from '../shrink.js';
import type { Breach } from '../world.js';
import type { Outcome, Task } from './messages.js';

let stray: Breach[] = [];
process.on('unhandledRejection', (reason) => {
  stray.push({ atMs: 0, promise: 'run', what: `nobody awaited: ${textOf(reason)}` });
});
process.on('uncaughtException', (error) => {
  stray.push({ atMs: 0, promise: 'run', what: `thrown into the open: ${textOf(error)}` });
});

process.on('message', (task: Task) => {
  perform(task).then(
    (outcome) => process.send?.(outcome),
    (error: unknown) => {
      process.stderr.write(`${textOf(error)}\n`);
      process.exitCode = 1;
      process.disconnect();
    },
  );
});

async function perform({ scenario, twice, shrinkForMs }: Task): Promise<Outcome> {
  const startedMs = performance.now();
  const first = await runWhole(scenario);
  const second = twice ? await runWhole(scenario) : first;
  const result = second.traceHash === first.traceHash ? first : differing(first, second);
  const tookMs = performance.now() - startedMs;
  const { breaches, traceHash, events, simulatedMs, faults, checks } = result;
  return {
    seed: scenario.seed,
    breaches,
    traceHash,
    events,
    simulatedMs,
    clusters: scenario.clusters.length,
    faults,
    checks,
    tookMs,
    ...(breaches.length > 0 && { failure: await shortestOf(scenario, { result, shrinkForMs }) }),
  };
}

async function runWhole(scenario: Scenario): Promise<RunResult> {
  stray = [];
  const result = await runScenario(scenario);
  return stray.length === 0 ? result : { ...result, breaches: [...result.breaches, ...stray] };
}

function differing(first: RunResult, second: RunResult): RunResult {
  const what = `two runs of the same seed differ: ${first.traceHash} and ${second.traceHash}`;
  return { ...first, breaches: [...first.breaches, { atMs: 0, promise: 'replay', what }] };
}

async function shortestOf(
  scenario: Scenario,
  { result, shrinkForMs }: { result: RunResult; shrinkForMs: number },
): Promise<NonNullable<Outcome['failure']>> {
  const endMs = performance.now() + shrinkForMs;
  const least = await shrink(
    { scenario, result },
    { run: runWhole, mayGoOn: () => performance.now() < endMs },
  );
  return {
    scenario: least.scenario,
    stepsBefore: scenario.steps.length,
    text: describeFailure(least.scenario, least.result),
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
