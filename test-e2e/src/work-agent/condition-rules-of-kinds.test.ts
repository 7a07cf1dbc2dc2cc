/** OCM's integration cases of condition rules: which rules count for which object, and what they say. */
import type { KubeObject, ManifestWork } from '@flotilla/api';
import type { ResourceRef } from '@flotilla/kube';
import { expect } from 'chai';
import {
  configMap,
  createWork,
  createWorld,
  forResource,
  manifestCondition,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const jobs: ResourceRef = { group: 'batch', version: 'v1', resource: 'jobs', namespaced: true };
const job = (name: string): KubeObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: 'default' },
  spec: {
    manualSelector: false,
    suspend: true,
    template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] } },
  },
});
const complete = { condition: 'Complete', type: 'WellKnownConditions' };
const cel = (condition: string, expression: string, more: object = {}) => ({
  condition,
  type: 'CEL',
  celExpressions: [expression],
  ...more,
});

describe('work agent, condition rules of kinds and patterns', () => {
  let world: World;
  const ask = (manifests: readonly KubeObject[], ...manifestConfigs: object[]): Promise<ManifestWork> =>
    createWork(world, work('w', manifests, { manifestConfigs }));
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
  });
  afterEach(() => world.close());

  it('knows when a Job is complete, for each Job that a wildcard matches', async () => {
    await ask([job('one'), job('two')], forResource('jobs.batch', '*', { conditionRules: [complete] }));
    const before = await untilCondition(world, 'w', { type: 'Complete', status: 'False' });
    for (const index of [0, 1]) {
      expect(manifestCondition(before, 'Complete', index)).to.include({
        status: 'False',
        reason: 'ConditionRuleEvaluated',
        message: 'Job is not finished',
        observedGeneration: 1,
      });
    }
    for (const name of ['one', 'two']) {
      const time = '2026-01-01T00:00:00Z';
      const failed = { type: 'Failed', status: 'True', lastProbeTime: time, lastTransitionTime: time };
      const status = {
        startTime: time,
        conditions: [{ ...failed, type: 'FailureTarget' }, failed],
        failed: 1,
      };
      const key = { namespace: 'default', name };
      await world.managed.patch(jobs, key, { type: 'merge', subresource: 'status', body: { status } });
    }
    const after = await untilCondition(world, 'w', { type: 'Complete' });
    expect(manifestCondition(after, 'Complete', 1)?.message).to.equal('Job is finished');
    const [found] = after.status?.conditions?.filter(({ type }) => type === 'Complete') ?? [];
    expect(found?.message).to.equal('Aggregated from 2 manifest conditions');
  });

  it('says nothing of a well-known condition that the kind has not', async () => {
    await ask([configMap('a')], forResource('configmaps', 'a', { conditionRules: [complete] }));
    const found = await untilCondition(world, 'w', { type: 'Available' });
    await settle(world, 5000);
    expect(manifestCondition(found, 'Complete')).to.equal(undefined);
  });

  it('takes the message from its expression, also when the rule fails', async () => {
    const rule = cel('Ready', 'object.data.x == "1"', {
      messageExpression: 'result ? "x is one" : "x is " + object.data.x',
    });
    await ask(
      [configMap('a', { x: '1' }), configMap('b', { x: '2' })],
      forResource('configmaps', '*', { conditionRules: [rule] }),
    );
    const found = await untilCondition(world, 'w', { type: 'Ready', status: 'False' });
    expect(manifestCondition(found, 'Ready', 0)?.message).to.equal('x is one');
    expect(manifestCondition(found, 'Ready', 1)?.message).to.equal('x is 2');
  });

  it('of several entries that match takes the rules of the first, an expression that fails included', async () => {
    await ask(
      [configMap('a', { x: '1' }), configMap('b', { x: '1' })],
      forResource('configmaps', 'a', { conditionRules: [cel('First', 'object.nothing.here')] }),
      forResource('configmaps', '*', { conditionRules: [cel('Second', 'object.data.x == "1"')] }),
    );
    const found = await untilCondition(world, 'w', { type: 'Second' });
    expect(manifestCondition(found, 'First', 0)).to.include({
      status: 'False',
      reason: 'ConditionRuleExpressionError',
    });
    expect(manifestCondition(found, 'Second', 0)).to.equal(undefined);
    expect(manifestCondition(found, 'Second', 1)?.status).to.equal('True');
  });
});
