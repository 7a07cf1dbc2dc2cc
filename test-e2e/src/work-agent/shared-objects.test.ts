/** What stays of an object that several works have when one of them lets go of it. */
import { type KubeObject, planAnnotation } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  configMap,
  createWork,
  createWorld,
  eventually,
  expectDefined,
  find,
  forResource,
  getWork,
  patchWork,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const key = { namespace: 'default', name: 'a' };
const strategy = (type: string, serverSideApply?: object) => ({
  manifestConfigs: [
    forResource('configmaps', 'a', { updateStrategy: { type, ...(serverSideApply && { serverSideApply }) } }),
  ],
});
const labelled = (data: Record<string, string>, labels: Record<string, string>): KubeObject => {
  const plain = configMap('a', data);
  return { ...plain, metadata: { ...plain.metadata, labels } };
};

/** How the two works of a case write. */
const pairs: readonly (readonly [title: string, leaving: object, staying: object])[] = [
  ['both update', strategy('Update'), strategy('Update')],
  [
    'both apply on the server, as different managers',
    strategy('ServerSideApply', { fieldManager: 'work-agent-1' }),
    strategy('ServerSideApply', { fieldManager: 'work-agent-2' }),
  ],
  [
    'the leaving one applies on the server, the other updates',
    strategy('ServerSideApply', { fieldManager: 'work-agent-1' }),
    strategy('Update'),
  ],
  [
    'the leaving one updates, the other applies on the server',
    strategy('Update'),
    strategy('ServerSideApply', { fieldManager: 'work-agent-2' }),
  ],
];

describe('work agent, an object of several works', () => {
  let world: World;
  const get = async (): Promise<KubeObject> =>
    expectDefined(await find(world.managed, wellKnown.configMaps, key));
  const owners = async (): Promise<number> => (await get()).metadata.ownerReferences?.length ?? 0;
  const remove = (name: string) => world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name });
  const applied = (name: string) => untilCondition(world, name, { type: 'Applied' });
  /** One that lets go of `a`, and one that stays. */
  const begin = async (leaving: object, staying: object): Promise<void> => {
    await createWork(world, work('stays', [labelled({ ours: '1', theirs: '1' }, { ours: '1' })], staying));
    await applied('stays');
    await createWork(
      world,
      work('leaves', [labelled({ ours: '1', mine: '1' }, { ours: '1', mine: '1' }), configMap('b')], leaving),
    );
    await applied('leaves');
    expect((await get())['data']).to.deep.equal({ ours: '1', theirs: '1', mine: '1' });
    expect(await owners()).to.equal(2);
  };
  const expectOnlyTheirs = async (more: Record<string, string> = {}): Promise<void> => {
    await eventually(world, async () => (await owners()) === 1);
    await settle(world, 5000);
    const { data, metadata } = await get();
    expect(data).to.deep.equal({ ours: '1', theirs: '1', ...more });
    expect(metadata.labels).to.deep.equal({ ours: '1' });
  };
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent({ evictionGracePeriodMs: 5000 });
  });
  afterEach(() => world.close());

  for (const [title, leaving, staying] of pairs) {
    it(`loses what only a deleted work has set: ${title}`, async () => {
      await begin(leaving, staying);
      await remove('leaves');
      await expectOnlyTheirs();
    });

    it(`loses what only a dropped manifest has set: ${title}`, async () => {
      await begin(leaving, staying);
      const spec = { workload: { manifests: [configMap('b')] }, manifestConfigs: null };
      await patchWork(world, 'leaves', { spec });
      await expectOnlyTheirs();
    });

    it(`can lose the rest later, when the work that stayed drops it: ${title}`, async () => {
      await begin(leaving, staying);
      await remove('leaves');
      await expectOnlyTheirs();
      await patchWork(world, 'stays', { spec: { workload: { manifests: [labelled({ theirs: '1' }, {})] } } });
      await applied('stays');
      await settle(world, 5000);
      const { data, metadata } = await get();
      expect(data).to.deep.equal({ theirs: '1' });
      expect(metadata.labels ?? {}).to.deep.equal({});
    });

    it(`keeps what somebody else has set or taken over: ${title}`, async () => {
      await begin(leaving, staying);
      const body = labelled({ mine: '1', foreign: '1' }, {});
      await world.managed.patch(wellKnown.configMaps, key, {
        type: 'apply',
        body,
        fieldManager: 'somebody',
        force: true,
      });
      await remove('leaves');
      await expectOnlyTheirs({ mine: '1', foreign: '1' });
    });
  }

  it('is written only in its owners when a work goes that has only created it', async () => {
    await createWork(world, work('leaves', [labelled({ mine: '1' }, {})], strategy('CreateOnly')));
    await applied('leaves');
    await createWork(world, work('stays', [labelled({ theirs: '1' }, {})]));
    await applied('stays');
    await remove('leaves');
    await eventually(world, async () => (await owners()) === 1);
    await settle(world, 5000);
    expect((await get())['data']).to.deep.equal({ mine: '1', theirs: '1' });
  });

  it('is not touched when a work goes that only reads it', async () => {
    await createWork(world, work('stays', [labelled({ theirs: '1' }, {})]));
    await applied('stays');
    await createWork(world, work('leaves', [labelled({ theirs: '2' }, {})], strategy('ReadOnly')));
    await applied('leaves');
    await settle(world);
    const { resourceVersion } = (await get()).metadata;
    await remove('leaves');
    await eventually(world, async () => (await getWork(world, 'leaves')) === undefined);
    expect((await get()).metadata.resourceVersion).to.equal(resourceVersion);
  });

  it('loses what only the leaving work has set also across a restart, the hub being away', async () => {
    await begin({}, {});
    await settle(world);
    await patchWork(world, 'leaves', { spec: { workload: { manifests: [configMap('b')] } } });
    await world.stopAgent();
    world.network.cut('hub', 'refuse');
    world.env.files.crash();
    world.startAgent();
    await settle(world, 5000);
    expect(await owners()).to.equal(2); // the change has not come yet
    world.network.healAll();
    await expectOnlyTheirs();
  });

  it('loses what only the leaving work has set although a work that is a plan would set it, too', async () => {
    await begin(strategy('Update'), strategy('Update'));
    const plan = work('planned', [labelled({ mine: '1' }, { mine: '1' })], strategy('Update'));
    const annotations = { [planAnnotation]: 'true' };
    await createWork(world, { ...plan, metadata: { ...plan.metadata, annotations } });
    await untilCondition(world, 'planned', { type: 'Planned' });
    await remove('leaves');
    await expectOnlyTheirs();
  });

  it('loses what only a work has set that vanished from the hub, after its grace', async () => {
    await begin({}, {});
    await settle(world);
    await world.stopAgent();
    await patchWork(world, 'leaves', { metadata: { finalizers: null } });
    await remove('leaves');
    world.startAgent({ evictionGracePeriodMs: 5000 });
    await settle(world, 2000);
    expect(await owners()).to.equal(2);
    await world.stopAgent();
    world.startAgent({ evictionGracePeriodMs: 5000 });
    await expectOnlyTheirs();
    await settle(world, 5000);
    expect(world.env.log.find('reconcile failed')).to.deep.equal([]);
  });

  it('keeps what it has when nobody knows what another owner of it sets', async () => {
    await begin({}, {});
    const { metadata } = await get();
    const stranger = {
      apiVersion: 'work.open-cluster-management.io/v1',
      kind: 'AppliedManifestWork',
      name: 'of-another-hub',
      uid: 'not-known-here',
    };
    await world.managed.patch(wellKnown.configMaps, key, {
      type: 'merge',
      body: { metadata: { ownerReferences: [...(metadata.ownerReferences ?? []), stranger] } },
    });
    await settle(world);
    await remove('leaves');
    await eventually(world, async () => (await getWork(world, 'leaves')) === undefined);
    expect((await get())['data']).to.deep.equal({ ours: '1', theirs: '1', mine: '1' });
  });
});
