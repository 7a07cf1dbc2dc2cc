import { createSavedWorks } from '@flotilla/klusterlet';
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

const key = { namespace: 'default', name: 'a' };

describe('work agent that cannot reach its hub', () => {
  let world: World;
  const drift = () =>
    world.managed.patch(wellKnown.configMaps, key, { type: 'merge', body: { data: { x: 'drift' } } });
  const isCorrected = async (): Promise<boolean> => {
    const object = await find(world.managed, wellKnown.configMaps, key);
    return (object?.['data'] as { x?: string } | undefined)?.x === '1';
  };
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
    await createWork(world, work('web', [configMap('a', { x: '1' })]));
    await untilCondition(world, 'web', { type: 'Available' });
  });
  afterEach(() => world.close());

  for (const mode of ['drop', 'refuse'] as const) {
    it(`corrects drift while the link is cut (${mode}), and converges when it is back`, async () => {
      world.network.cut('hub', mode);
      await settle(world, 60_000);
      await drift();
      await eventually(world, isCorrected);
      await patchWork(world, 'web', {
        spec: { workload: { manifests: [configMap('a', { x: '1' }), configMap('new')] } },
      });
      await settle(world, 60_000);
      const before = await getWork(world, 'web');
      expect(before?.status?.conditions?.[0]?.observedGeneration).to.equal(1);
      world.network.heal('hub');
      await untilCondition(world, 'web', { type: 'Available' });
      expect(await find(world.managed, wellKnown.configMaps, { ...key, name: 'new' })).to.not.equal(
        undefined,
      );
    });
  }

  it('corrects drift after its own restart, from its saved copy', async () => {
    await world.stopAgent();
    world.network.cut('hub', 'refuse');
    await drift();
    world.startAgent();
    await eventually(world, isCorrected);
    await drift();
    await eventually(world, isCorrected);
    // Deleted on the hub meanwhile: the finalizer held it, and it goes when the hub is back.
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'web' });
    await settle(world, 60_000);
    expect(await isCorrected()).to.equal(true);
    world.network.heal('hub');
    await eventually(world, async () => (await getWork(world, 'web')) === undefined);
    expect(await find(world.managed, wellKnown.configMaps, key)).to.equal(undefined);
    await settle(world);
    expect(world.env.files.paths()).to.deep.equal([]);
  });

  it('tells the hub what became of an object while it was away', async () => {
    world.network.cut('hub', 'refuse');
    await world.managed.create(wellKnown.namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'other' },
    });
    await settle(world, 30_000);
    world.network.heal('hub');
    await patchWork(world, 'web', {
      spec: { workload: { manifests: [configMap('a', { x: '1' }, 'other')] } },
    });
    await untilCondition(world, 'web', { type: 'Available' });
    expect(await find(world.managed, wellKnown.configMaps, key)).to.equal(undefined);
  });

  it('writes nothing after a restart when nothing has changed', async () => {
    await settle(world, 5000);
    await world.stopAgent();
    const before = await getWork(world, 'web');
    const object = await find(world.managed, wellKnown.configMaps, key);
    world.requests.length = 0;
    world.startAgent();
    await settle(world, 10_000);
    expect(world.requests.filter((request) => !request.startsWith('GET'))).to.deep.equal([]);
    expect((await getWork(world, 'web'))?.metadata.resourceVersion).to.equal(
      before?.metadata.resourceVersion,
    );
    expect((await find(world.managed, wellKnown.configMaps, key))?.metadata.resourceVersion).to.equal(
      object?.metadata.resourceVersion,
    );
  });

  it('deletes what a vanished work applied only after the grace period', async () => {
    await world.stopAgent();
    await patchWork(world, 'web', { metadata: { finalizers: null } });
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'web' });
    world.startAgent({ evictionGracePeriodMs: 600_000 });
    await settle(world, 300_000);
    expect(await find(world.managed, wellKnown.configMaps, key)).to.not.equal(undefined);
    const saved = createSavedWorks({ env: world.env, directory: '/data/works' });
    expect(await saved.load()).to.deep.equal([]);
    await settle(world, 310_000);
    expect(world.env.files.paths()).to.deep.equal([]);
    expect(await find(world.managed, wellKnown.configMaps, key)).to.equal(undefined);
    const { items } = await world.managed.list(wellKnown.appliedManifestWorks);
    expect(items).to.deep.equal([]);
  });

  it('evicts nothing when the work comes back in time, and nothing while the hub is away', async () => {
    await world.stopAgent();
    await patchWork(world, 'web', { metadata: { finalizers: null } });
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'web' });
    world.network.cut('hub', 'refuse');
    world.startAgent({ evictionGracePeriodMs: 600_000 });
    await settle(world, 2_000_000);
    expect(await isCorrected()).to.equal(true);
    world.network.heal('hub');
    await settle(world, 100_000);
    await createWork(world, work('web', [configMap('a', { x: '1' })]));
    await untilCondition(world, 'web', { type: 'Available' });
    await settle(world, 1_000_000);
    expect(await isCorrected()).to.equal(true);
  });
});
