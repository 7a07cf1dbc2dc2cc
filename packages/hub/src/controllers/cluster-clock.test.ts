import { type ManagedCluster, skipClockSyncCheckAnnotation } from '@flotilla/api';
import { expect } from 'chai';
import { isClockSynced, planClockCondition } from './cluster-clock.js';

function cluster(
  options: { recorded?: 'True' | 'False'; skip?: boolean; leaseDurationSeconds?: number } = {},
): ManagedCluster {
  const { recorded, skip = false, leaseDurationSeconds } = options;
  const condition = {
    type: 'ManagedClusterConditionClockSynced',
    status: recorded ?? 'True',
    reason: 'Any',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name: 'one', ...(skip && { annotations: { [skipClockSyncCheckAnnotation]: 'true' } }) },
    spec: { ...(leaseDurationSeconds !== undefined && { leaseDurationSeconds }) },
    status: { ...(recorded !== undefined && { conditions: [condition] }) },
  };
}

describe('the clock of a cluster', () => {
  const renewTime = '2026-01-01T00:10:00.000000Z';
  const atMs = Date.UTC(2026, 0, 1, 0, 10);

  it('may be five lease durations ahead or behind', () => {
    const check = (offsetMs: number, leaseDurationSeconds?: number): boolean =>
      isClockSynced(renewTime, {
        cluster: cluster({ ...(leaseDurationSeconds !== undefined && { leaseDurationSeconds }) }),
        nowMs: atMs + offsetMs,
      });
    expect(check(0)).to.equal(true);
    expect(check(299_999)).to.equal(true);
    expect(check(-299_999)).to.equal(true);
    expect(check(300_000)).to.equal(false);
    expect(check(-300_000)).to.equal(false);
    expect(check(50_000, 10)).to.equal(false);
    expect(check(50_000, 0)).to.equal(true);
  });

  const cases = [
    { name: 'no heartbeat seen', seen: undefined, writes: undefined },
    { name: 'a first good one', seen: true, writes: 'True' },
    { name: 'a first bad one', seen: false, writes: 'False' },
    { name: 'good again', recorded: 'True', seen: true, writes: undefined },
    { name: 'bad again', recorded: 'False', seen: false, writes: undefined },
    { name: 'gone wrong', recorded: 'True', seen: false, writes: 'False' },
    { name: 'mended', recorded: 'False', seen: true, writes: 'True' },
    { name: 'bad, and not checked', skip: true, seen: false, writes: 'True' },
    {
      name: 'stopped, and no longer checked',
      skip: true,
      recorded: 'False',
      seen: undefined,
      writes: 'True',
    },
    { name: 'not checked, and never seen', skip: true, seen: undefined, writes: undefined },
    { name: 'not checked, and told so', skip: true, recorded: 'True', seen: false, writes: undefined },
  ] as const;
  for (const { name, seen, writes, ...options } of cases) {
    it(`${name}: ${writes ?? 'nothing'} is written`, () => {
      expect(planClockCondition(cluster(options), seen)?.status).to.equal(writes);
    });
  }
});
