import { createHash } from 'node:crypto';
import { type AppliedManifestWork, manifestWorkFinalizer } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  agentId,
  conditionsOf,
  configMap,
  createWork,
  createWorld,
  eventually,
  expectDefined,
  find,
  getWork,
  hubServer,
  patchWork,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const inventoryName = (name: string): string =>
  `${createHash('sha256').update(hubServer).digest('hex')}-${name}`;

const inventoryOf = (world: World, name: string): Promise<AppliedManifestWork | undefined> =>
  find<AppliedManifestWork>(world.managed, wellKnown.appliedManifestWorks, { name: inventoryName(name) });

const cm = (world: World, name: string, namespace = 'default') =>
  find(world.managed, wellKnown.configMaps, { namespace, name });

describe('work agent', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
  });
  afterEach(() => world.close());

  it('needs three writes in the managed cluster for a new work of one manifest', async () => {
    await settle(world);
    world.requests.length = 0;
    await createWork(world, work('web', [configMap('a', { x: '1' })]));
    await untilCondition(world, 'web', { type: 'Available' });
    await settle(world);
    const writes = world.requests.flatMap((request) =>
      request.startsWith('GET') ? [] : [request.replace(/\?.*/, '')],
    );
    const inventory = '/apis/work.open-cluster-management.io/v1/appliedmanifestworks';
    expect(writes).to.deep.equal([
      `POST ${inventory}`,
      'POST /api/v1/namespaces/default/configmaps',
      `PATCH ${inventory}/${inventoryName('web')}/status`,
    ]);
  });

  it('applies a work, owns what it applied, and reports', async () => {
    await createWork(world, work('web', [configMap('a', { x: '1' })]));
    const done = await untilCondition(world, 'web', { type: 'Available' });
    expect(done.metadata.finalizers).to.deep.equal([manifestWorkFinalizer]);
    expect(conditionsOf(done)).to.deep.equal({
      Applied: 'True',
      Available: 'True',
      Healthy: 'True',
      Progressing: 'False',
      Degraded: 'False',
    });
    const applied = expectDefined(await cm(world, 'a'));
    expect(applied['data']).to.deep.equal({ x: '1' });
    await settle(world);
    const inventory = expectDefined(await inventoryOf(world, 'web'));
    expect(inventory.spec?.agentID).to.equal(agentId);
    expect(inventory.spec?.manifestWorkName).to.equal('web');
    expect(inventory.status?.appliedResources).to.deep.equal([
      {
        group: '',
        version: 'v1',
        resource: 'configmaps',
        name: 'a',
        namespace: 'default',
        uid: applied.metadata.uid,
      },
    ]);
    expect(applied.metadata.ownerReferences).to.deep.equal([
      {
        apiVersion: 'work.open-cluster-management.io/v1',
        kind: 'AppliedManifestWork',
        name: inventoryName('web'),
        uid: inventory.metadata.uid,
      },
    ]);
    const [entry] = done.status?.resourceStatus?.manifests ?? [];
    expect(entry?.resourceMeta).to.deep.equal({
      ordinal: 0,
      group: '',
      version: 'v1',
      kind: 'ConfigMap',
      resource: 'configmaps',
      name: 'a',
      namespace: 'default',
    });
    expect(entry?.conditions.map(({ type, reason }) => [type, reason])).to.deep.equal([
      ['Applied', 'AppliedManifestComplete'],
      ['Available', 'ResourceAvailable'],
      ['StatusFeedbackSynced', 'NoStatusFeedbackSynced'],
      ['Healthy', 'HealthCurrent'],
    ]);
  });

  it('takes a deleted work away with all it applied', async () => {
    await createWork(world, work('web', [configMap('a'), configMap('b')]));
    await untilCondition(world, 'web', { type: 'Applied' });
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'web' });
    await eventually(world, async () => (await getWork(world, 'web')) === undefined);
    expect(await cm(world, 'a')).to.equal(undefined);
    expect(await cm(world, 'b')).to.equal(undefined);
    expect(await inventoryOf(world, 'web')).to.equal(undefined);
    await settle(world);
    expect(world.env.files.paths()).to.deep.equal([]);
  });

  it('prunes what the spec does not have any more and applies the rest', async () => {
    await createWork(world, work('web', [configMap('a'), configMap('b', { x: '1', y: '2' })]));
    await untilCondition(world, 'web', { type: 'Applied' });
    await patchWork(world, 'web', {
      spec: { workload: { manifests: [configMap('b', { x: '3' }), configMap('c')] } },
    });
    await untilCondition(world, 'web', { type: 'Available' });
    await settle(world);
    expect(await cm(world, 'a')).to.equal(undefined);
    expect((await cm(world, 'b'))?.['data']).to.deep.equal({ x: '3' });
    expect(await cm(world, 'c')).to.not.equal(undefined);
    const inventory = await inventoryOf(world, 'web');
    expect(inventory?.status?.appliedResources?.map(({ name }) => name)).to.deep.equal(['b', 'c']);
  });

  it('corrects drift and deletion at once, and writes nothing while nothing differs', async () => {
    await createWork(world, work('web', [configMap('a', { x: '1' })]));
    await untilCondition(world, 'web', { type: 'Applied' });
    await settle(world, 5000);
    world.requests.length = 0;
    await settle(world, 20_000);
    expect(world.requests.filter((request) => !request.startsWith('GET'))).to.deep.equal([]);

    const key = { namespace: 'default', name: 'a' };
    await world.managed.patch(wellKnown.configMaps, key, {
      type: 'merge',
      body: { data: { x: 'drift', foreign: 'kept' } },
    });
    const startMs = world.env.clock.monotonicMs();
    await eventually(world, async () => {
      const data = (await cm(world, 'a'))?.['data'] as Record<string, string> | undefined;
      return data?.['x'] === '1' && data['foreign'] === 'kept';
    });
    expect(world.env.clock.monotonicMs() - startMs).to.be.lessThan(1000);
    await world.managed.delete(wellKnown.configMaps, key);
    await eventually(world, async () => (await cm(world, 'a')) !== undefined);
    expect(world.env.clock.monotonicMs() - startMs).to.be.lessThan(2000);
  });

  it('lets one bad manifest harm only itself', async () => {
    await createWork(world, work('web', [configMap('a', {}, 'nowhere'), configMap('b')]));
    const done = await untilCondition(world, 'web', { type: 'Applied', status: 'False' });
    const [bad, good] = done.status?.resourceStatus?.manifests ?? [];
    expect(bad?.conditions.map(({ type, status }) => [type, status])).to.deep.equal([
      ['Applied', 'False'],
      ['Available', 'False'],
      ['Healthy', 'False'],
    ]);
    expect(bad?.conditions[0]?.message).to.contain('namespaces "nowhere" not found');
    expect(good?.conditions[0]?.status).to.equal('True');
    expect(await cm(world, 'b')).to.not.equal(undefined);
    await world.managed.create(wellKnown.namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'nowhere' },
    });
    await untilCondition(world, 'web', { type: 'Available' });
  });
});
