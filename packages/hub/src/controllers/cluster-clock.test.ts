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
  it('may be five lease durations ahead or behind', () => {
    const check = (aheadMs: number, leaseDurationSeconds?: number): boolean =>
      isClockSynced(
        aheadMs,
        cluster({ ...(leaseDurationSeconds !== undefined && { leaseDurationSeconds }) }),
      );
    expect(check(0)).to.equal(true);
    expect(check(299_999)).to.equal(true);
    expect(check(-299_999)).to.equal(true);
    expect(check(300_000)).to.equal(false);
    expect(check(-300_000)).to.equal(false);
    expect(check(50_000, 10)).to.equal(false);
    expect(check(50_000, 0)).to.equal(true);
  });

  it('is told in seconds, and again when it differs by a tenth', () => {
    const told = (aheadMs: number, before?: string): string | undefined => {
      const one = cluster({ ...(before !== undefined && { recorded: 'True' }) });
      const conditions = one.status?.conditions?.map((each) => ({ ...each, message: before ?? '' }));
      return planClockCondition({ ...one, status: { ...(conditions && { conditions }) } }, aheadMs)?.message;
    };
    const well = 'The clock of the managed cluster is synced with the hub.';
    expect(told(4400)).to.equal(well);
    expect(told(-120_000)).to.equal(`${well} The agent's clock is 120 s behind the hub's.`);
    expect(told(400_000))
      .to.contain('out of sync')
      .and.contain("The agent's clock is 400 s ahead of the hub's.");
    const before = `${well} The agent's clock is 120 s ahead of the hub's.`;
    expect(told(131_000, before)).to.equal(undefined);
    expect(told(132_000, before)).to.contain('132 s ahead');
    expect(told(0, before)).to.equal(well);
    expect(told(-120_000, before)).to.contain('120 s behind');
  });

  const cases = [
    { name: 'no heartbeat seen', seen: undefined, writes: undefined },
    { name: 'a first good one', seen: 0, writes: 'True' },
    { name: 'a first bad one', seen: 400_000, writes: 'False' },
    { name: 'good again', recorded: 'True', seen: 0, writes: undefined },
    { name: 'bad again', recorded: 'False', seen: 400_000, writes: 'False' },
    { name: 'gone wrong', recorded: 'True', seen: 400_000, writes: 'False' },
    { name: 'mended', recorded: 'False', seen: 0, writes: 'True' },
    { name: 'bad, and not checked', skip: true, seen: 400_000, writes: 'True' },
    {
      name: 'stopped, and no longer checked',
      skip: true,
      recorded: 'False',
      seen: undefined,
      writes: 'True',
    },
    { name: 'not checked, and never seen', skip: true, seen: undefined, writes: undefined },
    { name: 'not checked, and told so', skip: true, recorded: 'True', seen: 4000, writes: undefined },
  ] as const;
  for (const { name, seen, writes, ...options } of cases) {
    it(`${name}: ${writes ?? 'nothing'} is written`, () => {
      expect(planClockCondition(cluster(options), seen)?.status).to.equal(writes);
    });
  }
});
