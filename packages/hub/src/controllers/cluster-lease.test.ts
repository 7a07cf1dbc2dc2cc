import { type KubeObject, type ManagedCluster, newNotFound } from '@flotilla/api';
import type { ChangeHandler } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { agentKeysAnnotation } from '../identity/agent-keys.js';
import type { Revocations } from '../identity/revocations.js';
import { createClusterLeaseController, leaseRemainingMs, planSilence } from './cluster-lease.js';
import type { HubContext } from './context.js';

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

describe('the silence of a cluster', () => {
  const lease = (renewTime: string): KubeObject => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'managed-cluster-lease', namespace: 'c1' },
    spec: { renewTime },
  });

  /** Watches that showed the lease once; `stored` is what the server has at a time. How often the hub has said Unknown. */
  async function watched(stored: (ms: number) => string, { forMs }: { forMs: number }): Promise<number> {
    const env = createTestEnv();
    const startMs = env.clock.monotonicMs();
    let said = 0;
    let told: ChangeHandler<KubeObject> = () => undefined;
    const known: ManagedCluster = {
      ...cluster('', 60),
      status: { conditions: [{ type: 'HubAcceptedManagedCluster', status: 'True' } as never] },
    };
    const context = {
      env,
      policies: { heartbeatGrace: 5 },
      client: {
        get: async ({ resource }: { resource: string }) => {
          if (resource !== 'leases') throw newNotFound({ group: '', resource, name: 'x' });
          return lease(stored(env.clock.monotonicMs() - startMs));
        },
        patch: async () => void said++,
      },
      clusters: { cache: { get: () => known }, onChange: () => undefined },
      leases: {
        cache: { get: () => lease('first') },
        onChange: (fn: ChangeHandler<KubeObject>) => {
          told = fn;
        },
      },
    } as unknown as HubContext; // the rest is not asked
    const controller = createClusterLeaseController(context);
    controller.start();
    told({ type: 'added', object: lease('first') });
    controller.enqueue('c1');
    await env.clock.advance(forMs);
    await controller.close();
    return said;
  }

  it('is told when no renewal has come for five lease durations', async () => {
    expect(await watched(() => 'first', { forMs: 299_000 })).to.equal(0);
    expect(await watched(() => 'first', { forMs: 301_000 })).to.equal(1);
  });

  it('is not told of one whose renewals only the watch has not shown, and is of one that has stopped since', async () => {
    expect(await watched((ms) => `at ${ms}`, { forMs: 3_600_000 })).to.equal(0);
    const untilStopped = (ms: number): string => (ms < 200_000 ? 'first' : 'second');
    expect(await watched(untilStopped, { forMs: 599_000 })).to.equal(0);
    expect(await watched(untilStopped, { forMs: 601_000 })).to.equal(1);
  });
});
