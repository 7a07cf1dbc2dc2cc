/** OCM's integration cases of inventories whose work is not there: another hub, another agent, a hub that lost it. */
import { createHash } from 'node:crypto';
import type { AppliedManifestWork } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  agentId,
  configMap,
  createWork,
  createWorld,
  eventually,
  find,
  getWork,
  hubServer,
  patchWork,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const otherHub = 'https://other.example:6443';
const hashOf = (server: string): string => createHash('sha256').update(server).digest('hex');
const key = { namespace: 'default', name: 'a' };
const hundredYearsMs = 100 * 365 * 24 * 3_600_000;

describe('work agent, inventories without a work', () => {
  let world: World;
  const get = () => find(world.managed, wellKnown.configMaps, key);
  const owners = async (): Promise<number> => (await get())?.metadata.ownerReferences?.length ?? 0;
  const inventory = (server = hubServer) =>
    find<AppliedManifestWork>(world.managed, wellKnown.appliedManifestWorks, { name: `${hashOf(server)}-w` });
  /** The hub loses the work while the agent is away. */
  const lose = async (): Promise<void> => {
    await world.stopAgent();
    await patchWork(world, 'w', { metadata: { finalizers: null } });
    await world.hub.delete(wellKnown.manifestWorks, { namespace: 'cluster1', name: 'w' });
  };
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent({ evictionGracePeriodMs: 5000 });
    await createWork(world, work('w', [configMap('a')]));
    await untilCondition(world, 'w', { type: 'Applied' });
    await settle(world);
  });
  afterEach(() => world.close());

  it('evicts an inventory of its own that never had a work', async () => {
    const name = `${hashOf(hubServer)}-nobody`;
    await world.managed.create(wellKnown.appliedManifestWorks, {
      apiVersion: 'work.open-cluster-management.io/v1',
      kind: 'AppliedManifestWork',
      metadata: { name, finalizers: ['cluster.open-cluster-management.io/applied-manifest-work-cleanup'] },
      spec: { hubHash: hashOf(hubServer), agentID: agentId, manifestWorkName: 'nobody' },
    } as AppliedManifestWork);
    await eventually(
      world,
      async () => (await find(world.managed, wellKnown.appliedManifestWorks, { name })) === undefined,
      20_000,
    );
  });

  it('after a move to another hub as another agent leaves the old inventory as second owner', async () => {
    await world.stopAgent();
    world.startAgent({ evictionGracePeriodMs: 5000 }, { hubServer: otherHub, agentId: 'agent-2' });
    await eventually(world, async () => (await owners()) === 2);
    await settle(world, 600_000);
    expect(await owners()).to.equal(2);
    expect((await inventory())?.status?.evictionStartTime).to.equal(undefined);
  });

  it('after a move to another hub as the same agent removes the old inventory and keeps the object', async () => {
    const uid = (await get())?.metadata.uid;
    await world.stopAgent();
    world.startAgent({ evictionGracePeriodMs: 5000 }, { hubServer: otherHub });
    await eventually(world, async () => (await inventory()) === undefined);
    await settle(world, 5000);
    expect(await inventory(otherHub)).to.not.equal(undefined);
    expect([await owners(), (await get())?.metadata.uid]).to.deep.equal([1, uid]);
  });

  it('evicts what the hub has lost, after the grace period, and shows since when it waits', async () => {
    await lose();
    world.startAgent({ evictionGracePeriodMs: 60_000 });
    await settle(world, 10_000);
    expect((await inventory())?.status?.evictionStartTime).to.be.a('string');
    expect(await get()).to.not.equal(undefined);
    await eventually(world, async () => (await inventory()) === undefined, 120_000);
    expect(await get()).to.equal(undefined);
  });

  it('stops the eviction when the work is there again', async () => {
    await lose();
    world.startAgent({ evictionGracePeriodMs: 60_000 });
    await settle(world, 10_000);
    await createWork(world, work('w', [configMap('a')]));
    await eventually(world, async () => {
      const found = await inventory();
      return found !== undefined && found.status?.evictionStartTime === undefined;
    });
    await settle(world, 200_000);
    expect(await get()).to.not.equal(undefined);
    expect(await getWork(world, 'w')).to.not.equal(undefined);
  });

  it('never evicts with a grace period of a hundred years', async () => {
    await lose();
    world.startAgent({ evictionGracePeriodMs: hundredYearsMs });
    await settle(world, 3_600_000);
    expect((await inventory())?.status?.evictionStartTime).to.equal(undefined);
    expect(await get()).to.not.equal(undefined);
  });
});
