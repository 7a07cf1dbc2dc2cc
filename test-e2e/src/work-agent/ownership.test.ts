import type { KubeObject } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
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

describe('work agent, whose an object is', () => {
  let world: World;
  const get = (name = 'a') => find(world.managed, wellKnown.configMaps, { namespace: 'default', name });
  const owners = async (): Promise<number> => (await get())?.metadata.ownerReferences?.length ?? 0;
  const remove = (name: string) => world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name });
  const isGone = async (name: string): Promise<boolean> => (await getWork(world, name)) === undefined;
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
  });
  afterEach(() => world.close());

  it('keeps an object that another work owns too, until the last owner goes', async () => {
    await createWork(world, work('one', [configMap('a')]));
    await createWork(world, work('two', [configMap('a'), configMap('b')]));
    await untilCondition(world, 'one', { type: 'Applied' });
    await untilCondition(world, 'two', { type: 'Applied' });
    expect(await owners()).to.equal(2);
    await remove('one');
    await eventually(world, () => isGone('one'));
    expect(await owners()).to.equal(1);
    await patchWork(world, 'two', { spec: { workload: { manifests: [configMap('b')] } } });
    await eventually(world, async () => (await get()) === undefined);
    expect(await get('b')).to.not.equal(undefined);
  });

  it('leaves orphans behind, and takes them back when they are none any more', async () => {
    const orphan = { deleteOption: { propagationPolicy: 'Orphan' } };
    await createWork(world, work('one', [configMap('a')], orphan));
    await untilCondition(world, 'one', { type: 'Applied' });
    expect(await owners()).to.equal(0);
    await patchWork(world, 'one', { spec: { deleteOption: null } });
    await eventually(world, async () => (await owners()) === 1);
    const rules = {
      orphaningRules: [{ group: '', resource: 'configmaps', namespace: 'default', name: 'a' }],
    };
    await patchWork(world, 'one', {
      spec: { deleteOption: { propagationPolicy: 'SelectivelyOrphan', selectivelyOrphans: rules } },
    });
    await eventually(world, async () => (await owners()) === 0);
    await remove('one');
    await eventually(world, () => isGone('one'));
    expect(await get()).to.not.equal(undefined);
  });

  it('does not delete what somebody made anew under the same name', async () => {
    await createWork(world, work('one', [configMap('a')]));
    await untilCondition(world, 'one', { type: 'Applied' });
    await settle(world);
    await world.stopAgent();
    await world.managed.delete(wellKnown.configMaps, key);
    await world.managed.create(wellKnown.configMaps, configMap('a', { theirs: 'yes' }));
    await remove('one');
    world.startAgent();
    await eventually(world, () => isGone('one'));
    expect((await get())?.['data']).to.deep.equal({ theirs: 'yes' });
  });

  it('waits for an object that a finalizer holds, and tells that it is deleting', async () => {
    const held = {
      ...configMap('a'),
      metadata: { ...configMap('a').metadata, finalizers: ['example.io/hold'] },
    };
    await createWork(world, work('one', [held]));
    await untilCondition(world, 'one', { type: 'Applied' });
    await remove('one');
    await settle(world, 20_000);
    const waiting = await getWork(world, 'one');
    expect(waiting?.status?.conditions?.find(({ type }) => type === 'Deleting')?.status).to.equal('True');
    const { items } = await world.managed.list<KubeObject & { status: { appliedResources: object[] } }>(
      wellKnown.appliedManifestWorks,
    );
    expect(items[0]?.status.appliedResources.length).to.equal(1);
    await world.managed.patch(wellKnown.configMaps, key, {
      type: 'merge',
      body: { metadata: { finalizers: null } },
    });
    await eventually(world, () => isGone('one'), 2000);
  });

  it('deletes what lives in a namespace before the namespace, custom resources before their definition', async () => {
    const deletions: string[] = [];
    await createWork(
      world,
      work('one', [
        configMap('a', {}, 'team'),
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } },
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'Role',
          metadata: { name: 'r', namespace: 'team' },
          rules: [],
        },
      ]),
    );
    await untilCondition(world, 'one', { type: 'Available' });
    expect(world.env.log.find('reconcile failed')).to.deep.equal([]);
    await settle(world);
    world.requests.length = 0;
    await remove('one');
    await settle(world, 2000);
    for (const request of world.requests) if (request.startsWith('DELETE')) deletions.push(request);
    expect(deletions.map((request) => request.split('/').at(-2))).to.deep.equal([
      'appliedmanifestworks',
      'configmaps',
      'roles',
      'namespaces',
    ]);
  });

  it('lets the older of two works that contradict each other have its way', async () => {
    await createWork(world, work('one', [configMap('a', { x: 'one' })]));
    await untilCondition(world, 'one', { type: 'Applied' });
    await settle(world, 2000);
    await createWork(world, work('two', [configMap('a', { x: 'two' })]));
    const refused = await untilCondition(world, 'two', { type: 'Applied', status: 'False' });
    const [entry] = refused.status?.resourceStatus?.manifests ?? [];
    expect(entry?.conditions[0]?.message).to.contain('ManifestWork "one" applies the same object');
    await settle(world, 20_000);
    expect((await get())?.['data']).to.deep.equal({ x: 'one' });
    await remove('one');
    await untilCondition(world, 'two', { type: 'Applied' });
    expect((await get())?.['data']).to.deep.equal({ x: 'two' });
  });

  it('makes everything anew when its inventory was deleted', async () => {
    await createWork(world, work('one', [configMap('a')]));
    await untilCondition(world, 'one', { type: 'Applied' });
    await settle(world);
    const { items } = await world.managed.list(wellKnown.appliedManifestWorks);
    const before = expectDefined(items[0]).metadata;
    await world.managed.delete(wellKnown.appliedManifestWorks, { name: before.name ?? '' });
    await eventually(world, async () => {
      const now = await find(world.managed, wellKnown.appliedManifestWorks, { name: before.name ?? '' });
      return now !== undefined && now.metadata.uid !== before.uid && (await owners()) === 1;
    });
    await settle(world);
    expect(await owners()).to.equal(1);
  });

  it('keeps the labels of a work on its inventory', async () => {
    await createWork(world, work('one', [configMap('a')]));
    await untilCondition(world, 'one', { type: 'Applied' });
    await patchWork(world, 'one', { metadata: { labels: { team: 'x' } } });
    await eventually(world, async () => {
      const { items } = await world.managed.list(wellKnown.appliedManifestWorks);
      return items[0]?.metadata.labels?.['team'] === 'x';
    });
  });

  it('brings labels that were set right after the work was made to its inventory', async () => {
    await createWork(world, work('one', [configMap('a')]));
    await patchWork(world, 'one', { metadata: { labels: { team: 'x', stage: 'y' } } });
    await eventually(world, async () => {
      const { items } = await world.managed.list(wellKnown.appliedManifestWorks);
      const labels = items[0]?.metadata.labels;
      return labels?.['team'] === 'x' && labels['stage'] === 'y';
    });
  });
});
