/** A work's first moments, while its finalizer, its inventory and its objects are written at the same time. */
import { manifestWorkFinalizer } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  configMap,
  createWork,
  createWorld,
  eventually,
  find,
  getWork,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const key = { namespace: 'default', name: 'a' };
/** From before the klusterlet has heard of the work until after its status. */
const momentsMs = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 15];

describe('work agent, the first moments of a work', () => {
  let world: World;
  const object = () => find(world.managed, wellKnown.configMaps, key);
  const inventories = async () => (await world.managed.list(wellKnown.appliedManifestWorks)).items;
  beforeEach(async () => {
    world = await createWorld();
    world.network.setFaults({ latencyMs: [1, 3] });
    world.startAgent();
    await settle(world, 5000);
  });
  afterEach(() => world.close());

  for (const ms of momentsMs) {
    it(`leave nothing behind when the work is deleted after ${ms} ms`, async () => {
      await createWork(world, work('web', [configMap('a')]));
      await world.env.clock.advance(ms);
      await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'web' });
      await settle(world, 20_000);
      expect(await getWork(world, 'web')).to.equal(undefined);
      expect(await object()).to.equal(undefined);
      expect(await inventories()).to.deep.equal([]);
      expect(world.env.files.paths()).to.deep.equal([]);
    });

    it(`end well when the hub is lost after ${ms} ms and comes back`, async () => {
      await createWork(world, work('web', [configMap('a')]));
      await world.env.clock.advance(ms);
      world.network.cut('hub', 'refuse');
      await settle(world, 30_000);
      // What the klusterlet has heard of it holds without the hub.
      expect((await object()) !== undefined).to.equal((await inventories()).length > 0);
      world.network.healAll();
      const done = await untilCondition(world, 'web', { type: 'Applied' });
      expect(done.metadata.finalizers).to.deep.equal([manifestWorkFinalizer]);
    });

    it(`leave nothing behind when the klusterlet crashes after ${ms} ms and the work is deleted meanwhile`, async () => {
      await createWork(world, work('web', [configMap('a')]));
      await world.env.clock.advance(ms);
      world.env.files.crash();
      await world.stopAgent();
      await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'web' });
      world.startAgent({ evictionGracePeriodMs: 60_000 });
      await eventually(world, async () => (await getWork(world, 'web')) === undefined);
      await settle(world, 90_000);
      expect(await object()).to.equal(undefined);
      expect(await inventories()).to.deep.equal([]);
    });
  }

  it('have their objects held while the hub is silent about the finalizer, and are reported when it speaks', async () => {
    world.network.setFaults({ latencyMs: [10, 10], detectMs: 60_000 });
    await createWork(world, work('web', [configMap('a')]));
    for (let ms = 0; (await inventories()).length === 0; ms++) {
      expect(ms).to.be.lessThan(1000);
      await world.env.clock.advance(1);
    }
    world.network.cut('hub');
    for (const pauseMs of [1, 500, 4000]) {
      await eventually(world, async () => (await object()) !== undefined);
      await world.env.clock.advance(pauseMs);
      await world.managed.delete(wellKnown.configMaps, key);
      await world.env.clock.advance(5000);
      expect(await object(), `deleted after ${pauseMs} ms`).not.to.equal(undefined);
    }
    world.network.healAll();
    await world.env.clock.advance(100);
    const { metadata, status } = (await getWork(world, 'web')) ?? expect.fail('the work is gone');
    expect(metadata.finalizers).to.deep.equal([manifestWorkFinalizer]);
    expect(status?.conditions?.find(({ type }) => type === 'Applied')?.status).to.equal('True');
  });

  it('end well with a hub that takes three seconds for each answer', async () => {
    world.network.setFaults({ latencyMs: [1500, 1500] });
    await createWork(world, work('web', [configMap('a')]));
    const done = await untilCondition(world, 'web', { type: 'Applied' });
    expect(done.metadata.finalizers).to.deep.equal([manifestWorkFinalizer]);
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'web' });
    await eventually(world, async () => (await getWork(world, 'web')) === undefined);
    expect(await object()).to.equal(undefined);
    expect(await inventories()).to.deep.equal([]);
  });

  for (const ms of [1500, 1600, 2000, 2900, 3000, 3100, 4000]) {
    it(`leave nothing behind when the work is deleted after ${ms} ms on a hub that takes three seconds`, async () => {
      world.network.setFaults({ latencyMs: [1500, 1500] }, 'hub');
      await createWork(world, work('web', [configMap('a')]));
      await world.env.clock.advance(ms);
      await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'web' });
      await settle(world, 60_000);
      expect(await getWork(world, 'web')).to.equal(undefined);
      expect(await object()).to.equal(undefined);
      expect(await inventories()).to.deep.equal([]);
      expect(world.env.files.paths()).to.deep.equal([]);
    });
  }

  for (const ms of [1600, 2200, 2800, 3400, 4000]) {
    it(`leave nothing behind when it is made and deleted twice, for ${ms} ms each, on a hub that takes three seconds`, async () => {
      world.network.setFaults({ latencyMs: [1500, 1500] }, 'hub');
      for (let round = 0; round < 2; round++) {
        await createWork(world, work('web', [configMap('a')]));
        await world.env.clock.advance(ms);
        await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'web' });
        await world.env.clock.advance(50);
        await eventually(world, async () => (await getWork(world, 'web')) === undefined);
      }
      await settle(world, 60_000);
      expect(await object()).to.equal(undefined);
      expect(await inventories()).to.deep.equal([]);
    });
  }

  it('begin anew when the inventory is taken away before the result is in it, the hub being silent', async () => {
    world.network.setFaults({ latencyMs: [10, 10] });
    const unheard: unknown[] = []; // each would end the process
    const listen = (reason: unknown): unknown => unheard.push(reason);
    process.on('unhandledRejection', listen);
    await createWork(world, work('web', [configMap('a')]));
    for (let ms = 0; (await inventories()).length === 0; ms++) {
      expect(ms).to.be.lessThan(1000);
      await world.env.clock.advance(1);
    }
    world.network.cut('hub');
    while ((await object()) === undefined) await world.env.clock.advance(1);
    for (const { metadata } of await inventories()) {
      const inventory = { name: metadata.name ?? '' };
      const body = { metadata: { finalizers: [] } };
      await world.managed.patch(wellKnown.appliedManifestWorks, inventory, { type: 'merge', body });
      await world.managed.delete(wellKnown.appliedManifestWorks, inventory);
    }
    await settle(world, 60_000);
    process.off('unhandledRejection', listen);
    expect(unheard).to.deep.equal([]);
    world.network.healAll();
    await untilCondition(world, 'web', { type: 'Applied' });
    expect(await object()).not.to.equal(undefined);
    expect(await inventories()).to.have.length(1);
  });
});
