/**
 * Cuts a failed scenario down to the steps that it needs to fail. Slow, for people who look for a cause: asked for
 * with SIM_SHRINK=1.
 */
import { type RunResult, runScenario } from './run-scenario.js';
import type { Scenario, Step } from './scenario.js';

export async function shrink(failed: Scenario): Promise<{ scenario: Scenario; result: RunResult }> {
  let scenario = failed;
  let result = await runScenario(scenario);
  const promise = result.breaches[0]?.promise;
  for (let size = Math.ceil(scenario.steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < scenario.steps.length; ) {
      const steps = without(scenario.steps, from, size);
      const candidate = { ...scenario, steps };
      const attempt = await runScenario(candidate);
      if (attempt.breaches[0]?.promise === promise) {
        scenario = candidate;
        result = attempt;
      } else {
        from += size;
      }
    }
  }
  return { scenario, result };
}

/** Time passes all the same where steps are left out. */
function without(steps: readonly Step[], from: number, size: number): Step[] {
  const left = steps.slice(from, from + size).reduce((sum, { thenMs }) => sum + thenMs, 0);
  const kept = [...steps.slice(0, from), ...steps.slice(from + size)];
  const before = kept[from - 1];
  if (before !== undefined) kept[from - 1] = { ...before, thenMs: before.thenMs + left };
  return kept;
}
