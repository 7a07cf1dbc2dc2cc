import { expect } from 'chai';
import { type Gauges, ServerMetrics } from './metrics.js';

const gauges: Gauges = {
  objects: 7,
  watches: 3,
  droppedWatches: 1,
  labelIndexes: 2,
  readsInFlight: 4,
  writesInFlight: 5,
};

describe('the metrics of the server', () => {
  it('tell each figure of the watch cache under its own name, with its type', () => {
    const lines = new ServerMetrics().render(gauges).split('\n');
    for (const [name, value] of [
      ['apiserver_resource_objects', 7],
      ['apiserver_registered_watchers', 3],
      ['apiserver_terminated_watchers_total', 1],
      ['apiserver_watch_cache_label_indexes', 2],
    ]) {
      expect(lines).to.include(`${name} ${value}`);
      expect(lines).to.include(`# TYPE ${name} gauge`);
    }
  });

  it('end with what others have made', () => {
    expect(new ServerMetrics().render(gauges, ['own 1'])).to.match(/\nown 1\n$/);
  });
});
