import type { ManagedCluster } from '@flotilla/api';
import { expect } from 'chai';
import { agentKeysAnnotation } from '../identity/agent-keys.js';
import type { Revocations } from '../identity/revocations.js';
import { leaseRemainingMs, planSilence } from './cluster-lease.js';

function cluster(keys = '', leaseDurationSeconds?: number): ManagedCluster {
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name: 'c1', annotations: { [agentKeysAnnotation]: keys } },
    spec: { ...(leaseDurationSeconds !== undefined && { leaseDurationSeconds }) },
  };
}

describe('the heartbeat of a cluster', () => {
  it('is good for so many lease durations after it arrived', () => {
    expect(leaseRemainingMs(cluster('', 60), { silentMs: 0, graceTimes: 5 })).to.equal(300_000);
    expect(leaseRemainingMs(cluster('', 10), { silentMs: 50_000, graceTimes: 5 })).to.equal(0);
    expect(leaseRemainingMs(cluster('', 10), { silentMs: 15_000, graceTimes: 2 })).to.equal(5000);
    expect(leaseRemainingMs(cluster('', 0), { silentMs: 0, graceTimes: 1 })).to.equal(60_000);
  });
});

describe('why nothing is heard of an agent', () => {
  const nowMs = Date.UTC(2026, 5, 1);
  const key = (issued: string, end: string): string => `sha256:ab@${issued}T00:00:00Z@${end}T00:00:00Z`;
  const good = key('2026-01-01', '2027-01-01');
  const revoked = (name: string, fromMs: number): Revocations =>
    new Map([[name, { fromMs, keys: new Set<string>() }]]);
  const none: Revocations = new Map();

  const cases: readonly (readonly [string, string, Revocations, string])[] = [
    ['nothing is known of its keys', '', none, 'ManagedClusterLeaseUpdateStopped'],
    ['its certificate is in time', good, none, 'ManagedClusterLeaseUpdateStopped'],
    ['it has ended', key('2025-01-01', '2026-05-31'), none, 'ManagedClusterAgentCertificateExpired'],
    [
      'an older one has ended',
      `${good},${key('2025-01-01', '2026-01-01')}`,
      none,
      'ManagedClusterLeaseUpdateStopped',
    ],
    ['it was revoked', good, revoked('c1', Date.UTC(2026, 4, 1)), 'ManagedClusterAgentRevoked'],
    ['another cluster was', good, revoked('c2', Date.UTC(2026, 4, 1)), 'ManagedClusterLeaseUpdateStopped'],
    ['it was before this one', good, revoked('c1', Date.UTC(2025, 4, 1)), 'ManagedClusterLeaseUpdateStopped'],
  ];
  for (const [name, keys, revocations, reason] of cases) {
    it(`${name}: ${reason}`, () => {
      const silence = planSilence(cluster(keys), { revocations, nowMs });
      expect(silence.reason).to.equal(reason);
      expect(silence.message.startsWith('Registration agent stopped updating its lease.')).to.equal(true);
    });
  }
});
