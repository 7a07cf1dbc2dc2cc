import { expect } from 'chai';
import { startRuntimeMetrics } from './runtime-metrics.js';

const metricIn = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);

describe('runtime metrics', () => {
  it('show by how much the event loop was late since the last look', async () => {
    const metrics = startRuntimeMetrics();
    metrics.render(); // the first look begins it
    const turns = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    await turns(60);
    const until = performance.now() + 300;
    while (performance.now() < until);
    await turns(60);
    const busy = metrics.render();
    expect(metricIn(busy, 'nodejs_eventloop_lag_max_seconds')).to.be.within(0.2, 10);
    expect(metricIn(busy, 'process_resident_memory_bytes')).to.be.greaterThan(1e7);
    expect(metricIn(busy, 'process_cpu_seconds_total')).to.be.greaterThan(0);
    const empty = metrics.render();
    expect(metricIn(empty, 'nodejs_eventloop_lag_max_seconds')).to.equal(0);
    metrics.close();
  });
});
