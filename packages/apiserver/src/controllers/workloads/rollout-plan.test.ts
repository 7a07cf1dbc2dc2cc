import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { available, planNewSet, planOldSets, resolve, rolloutLimits, sum, wanted } from './rollout-plan.js';

function set(name: string, replicas: number, ready = replicas): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name },
    spec: { replicas },
    status: { replicas, availableReplicas: ready },
  };
}

function deployment(replicas: number, rollingUpdate: Record<string, unknown>): KubeObject {
  const strategy = { type: 'RollingUpdate', rollingUpdate };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { replicas, strategy },
  };
}

describe('rollout plan', () => {
  it('rounds a surge up and a shortage down', () => {
    expect(rolloutLimits(deployment(10, { maxSurge: '25%', maxUnavailable: '25%' }))).to.deep.equal({
      maxSurge: 3,
      maxUnavailable: 2,
    });
    expect(rolloutLimits(deployment(2, { maxSurge: 0, maxUnavailable: '25%' })).maxUnavailable).to.equal(1);
    expect(resolve('nonsense', { of: 10, round: Math.ceil })).to.equal(0);
  });

  it('gives up what does not work before what does', () => {
    const old = [set('a', 3, 3), set('b', 3, 0)];
    const sizes = planOldSets(deployment(3, { maxSurge: 3, maxUnavailable: 0 }), {
      newSet: set('c', 0),
      old,
    });
    expect([...sizes].map(([one, size]) => [one.metadata.name, size])).to.deep.equal([['b', 0]]);
  });

  it('ends, whatever the sizes and limits, and keeps the limits at each step', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 3 }),
        fc.constantFrom<[unknown, unknown]>([1, 0], [0, 1], ['25%', '25%'], [0, 0], ['100%', '50%']),
        (replicas, sizes, [maxSurge, maxUnavailable]) => {
          const target = deployment(replicas, { maxSurge, maxUnavailable });
          const limits = rolloutLimits(target);
          let old = sizes.map((size, index) => set(`old-${index}`, size));
          let newSet = set('new', 0);
          const start = sum(old, available);
          for (let step = 0; step < 100 && (wanted(newSet) < replicas || sum(old, wanted) > 0); step++) {
            const before = sum(old, wanted) + wanted(newSet);
            newSet = set(
              'new',
              planNewSet(target, { current: wanted(newSet), others: old }),
              available(newSet),
            );
            expect(sum(old, wanted) + wanted(newSet)).to.be.at.most(
              Math.max(replicas + limits.maxSurge, before),
            );
            const changed = planOldSets(target, { newSet, old });
            old = old.map((one) => set(one.metadata.name ?? '', changed.get(one) ?? wanted(one)));
            const working = sum(old, available) + available(newSet);
            expect(working).to.be.at.least(Math.min(replicas - limits.maxUnavailable, start));
            newSet = set('new', wanted(newSet)); // what was asked for works now
          }
          expect(wanted(newSet)).to.equal(replicas);
          expect(sum(old, wanted)).to.equal(0);
        },
      ),
      { numRuns: 100 },
    );
  });
});
