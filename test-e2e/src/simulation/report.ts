/** What somebody needs who has to understand a failed simulation: the seed, the steps, the breach, how to replay. */
import type { RunResult } from './run-scenario.js';
import type { Scenario } from './scenario.js';

const logLines = 40;

export function describeFailure(scenario: Scenario, { breaches, steps, log }: RunResult): string {
  const clusters = scenario.clusters.map(({ name, minor }) => `${name} (1.${minor})`).join(', ');
  return [
    `simulation with seed ${scenario.seed} broke a promise; replay: npm run sim -- --seed ${scenario.seed}`,
    `clusters: ${clusters}; steps, each after its virtual time in seconds:`,
    ...steps,
    ...breaches.map(({ atMs, promise, what }) => `${(atMs / 1000).toFixed(3)} BREACH of ${promise}: ${what}`),
    'the log before it:',
    ...log.slice(-logLines),
  ].join('\n');
}
