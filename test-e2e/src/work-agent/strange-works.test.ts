/** Works that fuzzing has once brought the agent to a wrong answer, or to no rest, with. */
import type { KubeObject } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  clusterName,
  configMap,
  createWork,
  createWorld,
  eventually,
  expectDefined,
  find,
  forResource,
  getWork,
  manifestCondition,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

describe('work agent, strange works', () => {
  let world: World;
  const key = { namespace: 'default', name: 'a' };
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
  });
  afterEach(() => world.close());

  const writes = (): string[] => world.requests.filter((request) => !request.startsWith('GET'));

  it('a name too long for an inventory is told on the hub, and the work can go', async () => {
    const name = 'x'.repeat(240);
    await createWork(world, work(name, [configMap('a')]));
    const found = await untilCondition(world, name, { type: 'Applied', status: 'False' });
    expect(manifestCondition(found, 'Applied')?.message).to.match(/cannot be recorded .*no more than 253/);
    expect(await find(world.managed, wellKnown.configMaps, key)).to.equal(undefined);
    await world.hub.delete(wellKnown.manifestWorks, { namespace: clusterName, name });
    await eventually(world, async () => (await getWork(world, name)) === undefined);
  });

  it('a name that no URL can have is refused, and the work can go', async () => {
    const strange = configMap('a');
    const manifest = { ...strange, metadata: { ...strange.metadata, name: 'half a pair \ud800' } };
    await createWork(world, work('w', [manifest, configMap('a')]));
    await untilCondition(world, 'w', { type: 'Applied', status: 'False' });
    await eventually(world, async () => (await find(world.managed, wellKnown.configMaps, key)) !== undefined);
    await world.hub.delete(wellKnown.manifestWorks, { namespace: clusterName, name: 'w' });
    await eventually(world, async () => (await getWork(world, 'w')) === undefined);
    expect(await find(world.managed, wellKnown.configMaps, key)).to.equal(undefined);
  });

  it('what is refused again and again is not recorded anew before each attempt', async () => {
    await createWork(world, work('w', [configMap('a', {}, 'no-such-namespace')]));
    await untilCondition(world, 'w', { type: 'Applied', status: 'False' });
    await settle(world);
    world.requests.length = 0;
    await settle(world, 30_000);
    expect(writes()).to.not.be.empty;
    expect(
      writes().filter((request) => !request.startsWith('POST /api/v1/namespaces/no-such')),
    ).to.deep.equal([]);
  });

  it('an owner that a manifest names, and a collector takes away, is not put back', async () => {
    const absent = { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'of-nobody' };
    const manifest = configMap('a');
    await createWork(
      world,
      work('w', [{ ...manifest, metadata: { ...manifest.metadata, ownerReferences: [absent] } }]),
    );
    await untilCondition(world, 'w', { type: 'Applied' });
    await settle(world);
    const made = expectDefined(await find<KubeObject>(world.managed, wellKnown.configMaps, key));
    expect(made.metadata.ownerReferences).to.have.length(2);
    const ownerReferences = made.metadata.ownerReferences?.filter(({ uid }) => uid !== absent.uid);
    await world.managed.patch(wellKnown.configMaps, key, {
      type: 'merge',
      body: { metadata: { ownerReferences } },
    });
    await settle(world, 5000);
    const now = expectDefined(await find<KubeObject>(world.managed, wellKnown.configMaps, key));
    expect(now.metadata.ownerReferences).to.deep.equal(ownerReferences);
  });

  for (const type of ['Update', 'ServerSideApply', 'CreateOnly']) {
    it(`an object of strategy ${type} that somebody deletes each time is made ever more rarely`, async () => {
      const manifestConfigs = [forResource('configmaps', 'a', { updateStrategy: { type } })];
      await createWork(world, work('w', [configMap('a')], { manifestConfigs }));
      await untilCondition(world, 'w', { type: 'Applied' });
      let deleted = 0;
      for (let seconds = 0; seconds < 60; seconds += 0.1) {
        if ((await find(world.managed, wellKnown.configMaps, key)) !== undefined) {
          deleted++;
          await world.managed.delete(wellKnown.configMaps, key);
        }
        await world.env.clock.advance(100);
      }
      expect(deleted).to.be.within(6, 14);
      const found = expectDefined(await getWork(world, 'w'));
      expect(manifestCondition(found, 'Applied')?.message).to.match(
        /somebody else keeps deleting the object/,
      );
    });
  }

  it('two works that force different values by server-side apply do not do so without end', async () => {
    for (const name of ['one', 'two']) {
      const serverSideApply = { force: true, fieldManager: `work-agent-${name}` };
      const updateStrategy = { type: 'ServerSideApply', serverSideApply };
      const manifestConfigs = [forResource('configmaps', 'a', { updateStrategy })];
      await createWork(world, work(name, [configMap('a', { value: name })], { manifestConfigs }));
    }
    await settle(world, 60_000);
    world.requests.length = 0;
    await settle(world, 60_000);
    expect(writes().length).to.be.below(20);
  });

  it('a custom resource whose status is no status is applied and harms no other', async () => {
    await world.managed.create(wellKnown.customResourceDefinitions, anythingCrd);
    const odd = {
      apiVersion: 'demo.flotilla.dev/v1',
      kind: 'Anything',
      metadata: { name: 'a', namespace: 'default' },
    };
    await createWork(world, work('w', [odd, configMap('a')]));
    await untilCondition(world, 'w', { type: 'Applied' });
    const ref = { group: 'demo.flotilla.dev', version: 'v1', resource: 'anythings', namespaced: true };
    const status = { conditions: [{ type: 'Ready', status: { toString: 1 }, message: ['x'] }] };
    await world.managed.patch(ref, key, { type: 'merge', body: { status } });
    await settle(world, 5000);
    const found = await untilCondition(world, 'w', { type: 'Applied' });
    expect(manifestCondition(found, 'Healthy')?.status).to.equal('False');
    expect(manifestCondition(found, 'Healthy', 1)?.status).to.equal('True');
  });
});

const anythingCrd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'anythings.demo.flotilla.dev' },
  spec: {
    group: 'demo.flotilla.dev',
    names: { plural: 'anythings', singular: 'anything', kind: 'Anything', listKind: 'AnythingList' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};
