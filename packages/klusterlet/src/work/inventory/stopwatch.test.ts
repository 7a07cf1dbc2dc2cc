import type { AppliedManifestWork } from '@flotilla/api';
import { createVirtualClock } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { Stopwatch } from './stopwatch.js';

const inventory = (uid: string): AppliedManifestWork => ({
  apiVersion: 'work.open-cluster-management.io/v1',
  kind: 'AppliedManifestWork',
  metadata: { name: 'hash-web', uid },
});

describe('a stopwatch of inventories', () => {
  it('begins when it is asked first, and anew after a stop or for another inventory of the name', async () => {
    const clock = createVirtualClock();
    const watch = new Stopwatch(clock);
    expect(watch.elapsedMs(inventory('a'))).to.equal(0);
    await clock.advance(500);
    expect(watch.elapsedMs(inventory('a'))).to.equal(500);
    expect(watch.elapsedMs(inventory('b'))).to.equal(0);
    await clock.advance(10);
    expect(watch.elapsedMs(inventory('b'))).to.equal(10);
    watch.stop('hash-web');
    expect(watch.elapsedMs(inventory('b'))).to.equal(0);
  });
});
