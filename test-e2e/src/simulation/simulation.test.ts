import { writeFileSync } from 'node:fs';
import { runScenario } from './run-scenario.js';
import { planScenario } from './scenario.js';

describe('simulation', () => {
  it('runs', async () => {
    const seed = Number(process.env['SIM_SEED'] ?? 1);
    const n = Number(process.env['SIM_RUNS'] ?? 1);
    let bad = 0;
    for (let i = 0; i < n; i++) {
    const started = Date.now();
    const r = await runScenario(planScenario(seed + i));
    const at = (w: string) => Number(r.steps.find((s) => s.endsWith(w))?.split(' ')[0] ?? 0);
    if (r.breaches.length || n < 5 || at(' converged') - at(' peace') > 1000)
    console.log('seed', seed + i, r.breaches.slice(0, 4), r.events, r.simulatedMs, Date.now() - started, r.traceHash.slice(0,8), 'conv', at(' converged') - at(' peace'));
    if (r.breaches.length && bad++ < 100) { writeFileSync(`/tmp/sim-${seed + i}.txt`, r.steps.join('\n') + '\n' + r.log.slice(-(process.env['SIM_LOG'] ?? 300)).join('\n')); }
    }
    console.log('bad', bad);
  });
});
