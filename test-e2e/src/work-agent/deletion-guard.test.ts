/** Deletions that no user asked for: an emptied hub, a wiped namespace. */
import { findCondition, kinds, type ManagedCluster, toCrd } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  clusterName,
  configMap,
  createWork,
  createWorld,
  eventually,
  find,
  getWork,
  untilCondition,
  type World,
  work,
} from './world.js';

const hourMs = 3_600_000;
const names = ['a', 'b', 'c'];

describe('work agent, mass deletion', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    const definition = kinds.find(({ plural }) => plural === 'managedclusters');
    if (definition === undefined) throw new Error('there is no kind ManagedCluster');
    await world.hub.create(wellKnown.customResourceDefinitions, toCrd(definition));
    await world.hub.create(wellKnown.managedClusters, {
      apiVersion: 'cluster.open-cluster-management.io/v1',
      kind: 'ManagedCluster',
      metadata: { name: clusterName },
      spec: { hubAcceptsClient: true },
    });
    world.startAgent();
    for (const name of names) await createWork(world, work(name, [configMap(name)]));
    for (const name of names) await untilCondition(world, name, { type: 'Applied' });
  });
  afterEach(() => world.close());

  const key = (name: string) => ({ namespace: clusterName, name });
  const isThere = async (name: string): Promise<boolean> =>
    (await find(world.managed, wellKnown.configMaps, { namespace: 'default', name })) !== undefined;
  const left = async (): Promise<string[]> => {
    const there = await Promise.all(names.map(async (name) => ((await isThere(name)) ? [name] : [])));
    return there.flat();
  };
  const held = async () => {
    const cluster = await find<ManagedCluster>(world.hub, wellKnown.managedClusters, { name: clusterName });
    return findCondition(cluster?.status?.conditions, 'DeletionHeld');
  };
  const confirm = async (): Promise<void> => {
    const [, id] = /^hold (\w+):/.exec((await held())?.message ?? '') ?? [];
    await world.hub.patch(
      wellKnown.managedClusters,
      { name: clusterName },
      { type: 'merge', body: { metadata: { annotations: { 'flotilla.dev/confirm-deletion': id } } } },
    );
  };
  /** As a hub that lost them: without a deletion that the agent could see through. */
  const lose = async (...lost: string[]): Promise<void> => {
    await world.stopAgent();
    for (const name of lost) {
      await world.hub.patch(wellKnown.manifestWorks, key(name), {
        type: 'merge',
        body: { metadata: { finalizers: null } },
      });
      await world.hub.delete(wellKnown.manifestWorks, key(name));
    }
    world.startAgent();
  };

  it('is held when the hub does not have the works any more, and goes on when it is confirmed', async () => {
    await lose('a', 'b', 'c');
    await world.env.clock.advance(hourMs + 60_000);
    expect(await left()).to.deep.equal(names);
    const condition = await held();
    expect(condition?.status).to.equal('True');
    expect(condition?.message).to.match(
      /^hold [0-9a-f]{8}: 3 of 3 works would be deleted, since the hub does not have them any more; confirm it with "hub works confirm-deletion cluster1"$/,
    );
    await world.env.clock.advance(6 * hourMs);
    expect(await left()).to.deep.equal(names);
    await confirm();
    await eventually(world, async () => (await left()).length === 0, 120_000);
    await eventually(world, async () => (await held())?.status === 'False');
  });

  it('stays held after a restart of the agent, under the same name', async () => {
    await lose('a', 'b', 'c');
    await world.env.clock.advance(hourMs + 60_000);
    const before = (await held())?.message;
    await world.stopAgent();
    world.startAgent();
    await world.env.clock.advance(120_000);
    expect(await left()).to.deep.equal(names);
    expect((await held())?.message).to.equal(before);
  });

  it('ends when the works are back', async () => {
    await lose('a', 'b', 'c');
    await world.env.clock.advance(hourMs + 60_000);
    for (const name of names) await createWork(world, work(name, [configMap(name)]));
    await eventually(world, async () => (await held())?.status === 'False', 120_000);
    await world.env.clock.advance(2 * hourMs);
    expect(await left()).to.deep.equal(names);
  });

  it('does not keep a single work that is missing', async () => {
    await lose('a');
    await world.env.clock.advance(hourMs + 60_000);
    expect(await left()).to.deep.equal(['b', 'c']);
    expect(await held()).to.equal(undefined);
  });

  it('is held when the namespace is wiped while its cluster stays', async () => {
    await world.hub.delete(wellKnown.namespaces, { name: clusterName });
    for (const name of names) await world.hub.delete(wellKnown.manifestWorks, key(name));
    await eventually(world, async () => (await held())?.status === 'True');
    expect(await left()).to.deep.equal(names);
    const message = findCondition((await getWork(world, 'a'))?.status?.conditions, 'Deleting')?.message;
    expect(message).to.contain(
      '3 of 3 works would be deleted, since their namespace on the hub is being deleted',
    );
    await confirm();
    await eventually(world, async () => (await left()).length === 0, 120_000);
    await eventually(world, async () => (await getWork(world, 'a')) === undefined);
  });

  it('is one hold when some works are gone from the hub and the namespace of the others is wiped', async () => {
    await lose('a', 'b');
    await world.hub.delete(wellKnown.namespaces, { name: clusterName });
    await world.hub.delete(wellKnown.manifestWorks, key('c'));
    await eventually(world, async () => (await held())?.status === 'True');
    await world.env.clock.advance(hourMs + 60_000);
    expect(await left()).to.deep.equal(names);
    await confirm();
    await eventually(world, async () => (await left()).length === 0);
    await eventually(world, async () => (await getWork(world, 'c')) === undefined);
    await eventually(world, async () => (await held())?.status === 'False');
  });

  it('does not stand in the way of a user who deletes all works, or the cluster', async () => {
    for (const name of names) await world.hub.delete(wellKnown.manifestWorks, key(name));
    await eventually(world, async () => (await left()).length === 0);
    expect(await held()).to.equal(undefined);
  });

  it('does not stand in the way of the removal of a cluster', async () => {
    await world.hub.patch(
      wellKnown.managedClusters,
      { name: clusterName },
      { type: 'merge', body: { metadata: { finalizers: ['example.io/cleanup'] } } },
    );
    await world.hub.delete(wellKnown.managedClusters, { name: clusterName });
    await world.hub.delete(wellKnown.namespaces, { name: clusterName });
    for (const name of names) await world.hub.delete(wellKnown.manifestWorks, key(name));
    await eventually(world, async () => (await left()).length === 0);
  });
});
