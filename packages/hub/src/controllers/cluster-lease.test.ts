import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { leaseRemainingMs } from './cluster-lease.js';

function lease(spec: object, creationTimestamp = '2026-01-01T00:00:00Z'): KubeObject {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { creationTimestamp }, spec };
}

describe('the heartbeat of a cluster', () => {
  const renewedMs = Date.UTC(2026, 0, 1, 0, 10);
  const renewed = lease({ renewTime: '2026-01-01T00:10:00.000000Z' });
  it('is good for five lease durations', () => {
    expect(leaseRemainingMs(renewed, { leaseDurationSeconds: 60, nowMs: renewedMs })).to.equal(300_000);
    expect(leaseRemainingMs(renewed, { leaseDurationSeconds: 10, nowMs: renewedMs + 50_000 })).to.equal(0);
  });
  it('counts from the creation of a lease that nobody renewed', () => {
    const nowMs = Date.UTC(2026, 0, 1, 0, 1);
    expect(leaseRemainingMs(lease({}), { leaseDurationSeconds: 60, nowMs })).to.equal(240_000);
  });
});
