/** OCM's integration cases of what goes, and of who keeps it: foreground deletion and delete options. */
import type { AppliedManifestWork } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  configMap,
  createWork,
  createWorld,
  eventually,
  find,
  getWork,
  patchWork,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const held = {
  ...configMap('held'),
  metadata: { ...configMap('held').metadata, finalizers: ['example.io/hold'] },
};
const orphaning = (...names: string[]) => ({
  deleteOption: {
    propagationPolicy: 'SelectivelyOrphan',
    selectivelyOrphans: {
      orphaningRules: names.map((name) => ({
        group: '',
        resource: 'configmaps',
        namespace: 'default',
        name,
      })),
    },
  },
});

describe('work agent, what goes and what stays', () => {
  let world: World;
  const get = (name: string) => find(world.managed, wellKnown.configMaps, { namespace: 'default', name });
  const owners = async (name: string): Promise<number> =>
    (await get(name))?.metadata.ownerReferences?.length ?? 0;
  const remove = (name: string) => world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name });
  const isGone = async (name: string): Promise<boolean> => (await getWork(world, name)) === undefined;
  const inventory = async (): Promise<(string | undefined)[]> => {
    const { items } = await world.managed.list<AppliedManifestWork>(wellKnown.appliedManifestWorks);
    return items.flatMap(({ status }) => (status?.appliedResources ?? []).map(({ name }) => name));
  };
  const letGo = () =>
    world.managed.patch(
      wellKnown.configMaps,
      { namespace: 'default', name: 'held' },
      { type: 'merge', body: { metadata: { finalizers: null } } },
    );
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
  });
  afterEach(() => world.close());

  it('deletes at once what the spec has not any more', async () => {
    await createWork(world, work('w', [configMap('a'), configMap('b')]));
    await untilCondition(world, 'w', { type: 'Applied' });
    await patchWork(world, 'w', { spec: { workload: { manifests: [configMap('b')] } } });
    await eventually(world, async () => (await get('a')) === undefined, 1000);
    await settle(world);
    expect(await inventory()).to.deep.equal(['b']);
  });

  it('keeps the record of a stale object until its finalizer lets it go', async () => {
    await createWork(world, work('w', [held, configMap('b')]));
    await untilCondition(world, 'w', { type: 'Applied' });
    await patchWork(world, 'w', { spec: { workload: { manifests: [configMap('b')] } } });
    await untilCondition(world, 'w', { type: 'Applied' });
    await settle(world, 20_000);
    expect((await get('held'))?.metadata.deletionTimestamp).to.not.equal(undefined);
    expect(await inventory()).to.deep.equal(['b', 'held']);
    await letGo();
    await eventually(world, async () => (await inventory()).join() === 'b');
    expect(await get('held')).to.equal(undefined);
  });

  it('ends a deleted work when its last object is let go', async () => {
    await createWork(world, work('w', [held, configMap('b')]));
    await untilCondition(world, 'w', { type: 'Applied' });
    await remove('w');
    const waiting = await eventually(world, async () => {
      const found = await getWork(world, 'w');
      return found?.status?.conditions?.some(({ type, status }) => type === 'Deleting' && status === 'True')
        ? found
        : undefined;
    });
    expect(waiting.status?.conditions?.find(({ type }) => type === 'Deleting')?.reason).to.equal(
      'WorkDeleting',
    );
    expect(await get('b')).to.equal(undefined);
    await letGo();
    await eventually(world, () => isGone('w'));
  });

  it('keeps an object of two works when one of them has it no more', async () => {
    await createWork(world, work('one', [configMap('shared'), configMap('a')]));
    await createWork(world, work('two', [configMap('shared'), configMap('b')]));
    await untilCondition(world, 'one', { type: 'Applied' });
    await untilCondition(world, 'two', { type: 'Applied' });
    await patchWork(world, 'one', { spec: { workload: { manifests: [configMap('a')] } } });
    await eventually(world, async () => (await owners('shared')) === 1);
    await settle(world, 5000);
    expect(await get('shared')).to.not.equal(undefined);
    await remove('two');
    await eventually(world, async () => (await get('shared')) === undefined);
  });

  it('leaves all objects of a work that orphans them', async () => {
    await createWork(
      world,
      work('w', [configMap('a'), configMap('b')], { deleteOption: { propagationPolicy: 'Orphan' } }),
    );
    await untilCondition(world, 'w', { type: 'Applied' });
    await remove('w');
    await eventually(world, () => isGone('w'));
    for (const name of ['a', 'b']) expect(await get(name)).to.not.equal(undefined);
    expect(await owners('a')).to.equal(0);
  });

  it('leaves only those objects that a rule orphans', async () => {
    await createWork(world, work('w', [configMap('a'), configMap('b')], orphaning('a')));
    await untilCondition(world, 'w', { type: 'Applied' });
    expect([await owners('a'), await owners('b')]).to.deep.equal([0, 1]);
    await remove('w');
    await eventually(world, () => isGone('w'));
    expect(await get('a')).to.not.equal(undefined);
    expect(await get('b')).to.equal(undefined);
  });

  it('leaves an orphaned object when its manifest goes', async () => {
    await createWork(world, work('w', [configMap('a'), configMap('b')], orphaning('a')));
    await untilCondition(world, 'w', { type: 'Applied' });
    await patchWork(world, 'w', { spec: { workload: { manifests: [configMap('b')] } } });
    await untilCondition(world, 'w', { type: 'Applied' });
    await settle(world, 5000);
    expect(await get('a')).to.not.equal(undefined);
    await remove('w');
    await eventually(world, () => isGone('w'));
    expect(await get('a')).to.not.equal(undefined);
  });

  it('takes everything along when the work orphans nothing any more', async () => {
    await createWork(world, work('w', [configMap('a'), configMap('b')], orphaning('a')));
    await untilCondition(world, 'w', { type: 'Applied' });
    await patchWork(world, 'w', { spec: { deleteOption: null } });
    await eventually(world, async () => (await owners('a')) === 1);
    await remove('w');
    await eventually(world, () => isGone('w'));
    for (const name of ['a', 'b']) expect(await get(name)).to.equal(undefined);
  });
});
