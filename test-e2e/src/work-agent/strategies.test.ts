import type { KubeObject, ManifestWork } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  conditionsOf,
  configMap,
  createWork,
  createWorld,
  eventually,
  expectDefined,
  find,
  getWork,
  patchWork,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const key = { namespace: 'default', name: 'a' };
const identifier = { group: '', resource: 'configmaps', namespace: 'default', name: 'a' };

function withStrategy(name: string, manifest: KubeObject, updateStrategy: object): ManifestWork {
  return work(name, [manifest], { manifestConfigs: [{ resourceIdentifier: identifier, updateStrategy }] });
}

const messageOf = (object: ManifestWork, index = 0): string | undefined =>
  object.status?.resourceStatus?.manifests?.[index]?.conditions.find(({ type }) => type === 'Applied')
    ?.message;

function deployment(spec: object): KubeObject {
  const labels = { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, creationTimestamp: null },
        spec: {
          containers: [
            {
              name: 'c',
              image: 'x',
              resources: { limits: { cpu: '1000m' } },
              ports: [{ containerPort: 80 }],
            },
          ],
        },
      },
      ...spec,
    },
  };
}

describe('work agent, update strategies', () => {
  let world: World;
  const data = async () => (await find(world.managed, wellKnown.configMaps, key))?.['data'];
  const write = (values: Record<string, string>) =>
    world.managed.patch(wellKnown.configMaps, key, {
      type: 'merge',
      body: { data: values },
      fieldManager: 'somebody',
    });
  const writesIn = async (ms: number): Promise<string[]> => {
    world.requests.length = 0;
    await settle(world, ms);
    return world.requests.filter((request) => !request.startsWith('GET'));
  };
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
  });
  afterEach(() => world.close());

  it('CreateOnly creates and then leaves alone', async () => {
    await createWork(world, withStrategy('w', configMap('a', { x: '1' }), { type: 'CreateOnly' }));
    await untilCondition(world, 'w', { type: 'Applied' });
    await write({ x: 'theirs' });
    await settle(world);
    expect(await data()).to.deep.equal({ x: 'theirs' });
    await world.managed.delete(wellKnown.configMaps, key);
    await eventually(world, async () => (await data()) !== undefined);
  });

  it('ReadOnly writes nothing and never deletes', async () => {
    await createWork(world, withStrategy('w', configMap('a', { x: '1' }), { type: 'ReadOnly' }));
    const absent = await untilCondition(world, 'w', { type: 'Available', status: 'False' });
    expect(absent.status?.conditions?.find(({ type }) => type === 'Applied')?.status).to.equal('True');
    await world.managed.create(wellKnown.configMaps, configMap('a', { x: 'theirs' }));
    await untilCondition(world, 'w', { type: 'Available' });
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'w' });
    await eventually(world, async () => (await getWork(world, 'w')) === undefined);
    expect(await data()).to.deep.equal({ x: 'theirs' });
  });

  it('ServerSideApply reports a conflict and goes on when it is resolved', async () => {
    await world.managed.create(wellKnown.configMaps, configMap('a', { x: 'theirs' }), {
      fieldManager: 'somebody',
    });
    await createWork(world, withStrategy('w', configMap('a', { x: '1' }), { type: 'ServerSideApply' }));
    const failed = await untilCondition(world, 'w', { type: 'Applied', status: 'False' });
    expect(messageOf(failed)).to.match(/^Failed to apply manifest: Apply failed with 1 conflict/);
    await write({ x: '1' });
    await untilCondition(world, 'w', { type: 'Applied' });
    expect((await find(world.managed, wellKnown.configMaps, key))?.metadata.ownerReferences?.length).to.equal(
      1,
    );
  });

  it('ServerSideApply with force takes fields over, corrects drift and then writes nothing', async () => {
    await world.managed.create(wellKnown.configMaps, configMap('a', { x: 'theirs', y: 'stays' }));
    await createWork(
      world,
      withStrategy('w', configMap('a', { x: '1' }), {
        type: 'ServerSideApply',
        serverSideApply: { force: true, fieldManager: 'work-agent-x' },
      }),
    );
    await untilCondition(world, 'w', { type: 'Applied' });
    expect(await data()).to.deep.equal({ x: '1', y: 'stays' });
    await write({ x: 'drift' });
    await eventually(world, async () => ((await data()) as { x?: string }).x === '1');
    await settle(world, 1000);
    expect(await writesIn(10_000)).to.deep.equal([]);
  });

  it('ServerSideApply leaves ignored fields to the cluster', async () => {
    const strategy = {
      type: 'ServerSideApply',
      serverSideApply: {
        force: true,
        ignoreFields: [{ condition: 'OnSpokePresent', jsonPaths: ['.spec.replicas'] }],
      },
    };
    const resourceIdentifier = { group: 'apps', resource: 'deployments', namespace: 'default', name: 'web' };
    const config = { manifestConfigs: [{ resourceIdentifier, updateStrategy: strategy }] };
    await createWork(world, work('w', [deployment({ replicas: 2 })], config));
    await untilCondition(world, 'w', { type: 'Applied' });
    const place = { namespace: 'default', name: 'web' };
    const live = await find(world.managed, wellKnown.deployments, place);
    expect(live?.['spec']).to.deep.include({ replicas: 2 });
    await world.managed.patch(wellKnown.deployments, place, {
      type: 'merge',
      body: { spec: { replicas: 5 } },
      fieldManager: 'scaler',
    });
    await patchWork(world, 'w', {
      spec: { workload: { manifests: [deployment({ replicas: 3, minReadySeconds: 7 })] } },
    });
    await untilCondition(world, 'w', { type: 'Applied' });
    const after = (await find(world.managed, wellKnown.deployments, place))?.['spec'];
    expect(after).to.deep.include({ replicas: 5, minReadySeconds: 7 });
  });

  it('tells of an ignored field that it cannot read', async () => {
    await createWork(
      world,
      withStrategy('w', configMap('a'), {
        type: 'ServerSideApply',
        serverSideApply: {
          ignoreFields: [{ condition: 'OnSpokeChange', jqPathExpressions: ['.data | reduce .'] }],
        },
      }),
    );
    const failed = await untilCondition(world, 'w', { type: 'Applied', status: 'False' });
    const [entry] = failed.status?.resourceStatus?.manifests ?? [];
    expect(entry?.conditions[0]?.reason).to.equal('AppliedManifestSSAIgnoreFieldError');
  });

  it('Update sees no difference in what the server made of a manifest', async () => {
    await createWork(world, work('w', [deployment({})]));
    await untilCondition(world, 'w', { type: 'Available' });
    await settle(world, 1000);
    const place = { namespace: 'default', name: 'web' };
    await world.managed.patch(wellKnown.deployments, place, {
      type: 'merge',
      subresource: 'status',
      body: { status: { replicas: 1, readyReplicas: 1 } },
    });
    expect(await writesIn(5000)).to.deep.equal([]);
  });

  it('Update switches between fields that exclude each other', async () => {
    await createWork(world, work('w', [deployment({ strategy: { type: 'RollingUpdate' } })]));
    await untilCondition(world, 'w', { type: 'Applied' });
    await patchWork(world, 'w', {
      spec: { workload: { manifests: [deployment({ strategy: { type: 'Recreate' } })] } },
    });
    await untilCondition(world, 'w', { type: 'Applied' });
    const live = await find(world.managed, wellKnown.deployments, { namespace: 'default', name: 'web' });
    expect(live?.['spec']).to.deep.include({ strategy: { type: 'Recreate' } });
  });

  it('Update does not fight without end against somebody who changes an object back', async () => {
    await createWork(world, work('w', [configMap('a', { x: '1' })]));
    await untilCondition(world, 'w', { type: 'Applied' });
    let rewrites = 0;
    for (let i = 0; i < 600; i++) {
      if (((await data()) as { x?: string }).x === '1') {
        await write({ x: 'theirs' });
        rewrites++;
      }
      await settle(world, 100);
    }
    expect(rewrites).to.be.greaterThan(4).and.lessThan(15);
  });

  it('gives a secret its plain strings and then sees no difference', async () => {
    const secret: KubeObject = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'default' },
      stringData: { password: 'x' },
    };
    await createWork(world, work('w', [secret]));
    await untilCondition(world, 'w', { type: 'Applied' });
    const place = { namespace: 'default', name: 's' };
    expect((await find(world.managed, wellKnown.secrets, place))?.['data']).to.deep.equal({
      password: 'eA==',
    });
    await world.managed.patch(wellKnown.secrets, place, {
      type: 'merge',
      body: { metadata: { labels: { a: 'b' } } },
    });
    expect(await writesIn(5000)).to.deep.equal([]);
  });

  it('does not start a finished job anew when it was cleaned up', async () => {
    const job: KubeObject = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'j', namespace: 'default' },
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] } } },
    };
    const jobs = { group: 'batch', version: 'v1', resource: 'jobs', namespaced: true };
    const place = { namespace: 'default', name: 'j' };
    const resourceIdentifier = { group: 'batch', resource: 'jobs', ...place };
    const conditionRules = [{ type: 'WellKnownConditions', condition: 'Complete' }];
    const config = { manifestConfigs: [{ resourceIdentifier, conditionRules }] };
    await createWork(world, work('w', [job], config));
    await untilCondition(world, 'w', { type: 'Complete', status: 'False' });
    const now = '2026-01-01T00:00:00Z';
    const conditions = ['SuccessCriteriaMet', 'Complete'].map((type) => ({
      type,
      status: 'True',
      lastProbeTime: now,
      lastTransitionTime: now,
    }));
    const live = expectDefined(await find(world.managed, jobs, place));
    await world.managed.update(
      jobs,
      { ...live, status: { startTime: now, completionTime: now, succeeded: 1, conditions } },
      { subresource: 'status' },
    );
    await untilCondition(world, 'w', { type: 'Complete' });
    await world.managed.delete(jobs, place, { propagationPolicy: 'Background' });
    const after = await untilCondition(world, 'w', { type: 'Available', status: 'False' });
    expect(conditionsOf(after)).to.include({ Applied: 'True', Complete: 'True' });
    await world.stopAgent();
    world.startAgent();
    await settle(world, 10_000);
    expect(await find(world.managed, jobs, place)).to.equal(undefined);
  });

  it('reports feedback, and each change of it', async () => {
    const rules = [{ type: 'WellKnownStatus' }];
    const resourceIdentifier = { group: 'apps', resource: 'deployments', namespace: 'default', name: '*' };
    const config = { manifestConfigs: [{ resourceIdentifier, feedbackRules: rules }] };
    await createWork(world, work('w', [deployment({})], config));
    await untilCondition(world, 'w', { type: 'Applied' });
    await world.managed.patch(
      wellKnown.deployments,
      { namespace: 'default', name: 'web' },
      { type: 'merge', subresource: 'status', body: { status: { replicas: 2, readyReplicas: 1 } } },
    );
    const found = await eventually(world, async () => {
      const [entry] = (await getWork(world, 'w'))?.status?.resourceStatus?.manifests ?? [];
      return entry?.statusFeedback?.values?.length === 2 && entry;
    });
    expect(expectDefined(found.statusFeedback).values).to.deep.equal([
      { name: 'ReadyReplicas', fieldValue: { type: 'Integer', integer: 1 } },
      { name: 'Replicas', fieldValue: { type: 'Integer', integer: 2 } },
    ]);
  });
});
