/** What the agent says of the cluster's add-ons, by the leases that they keep where they run. */
import { findCondition, type KubeObject, type ManagedClusterAddOn } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { clusterName, JoinWorld } from './join-world.js';

describe("an add-on of an agent's cluster", () => {
  const world = new JoinWorld();
  const ns = 'addons';
  before(async () => {
    await world.start();
    await world.join();
    await world.joined();
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ns } };
    await world.passing(world.managed.create(wellKnown.namespaces, namespace));
  });
  after(() => {
    world.close();
    expect(world.failures).to.deep.equal([]);
  });

  const hub = () => world.hub.client;
  const key = (name: string) => ({ namespace: clusterName, name });

  async function create(name: string, status: object = {}): Promise<void> {
    await world.passing(
      hub().create(wellKnown.managedClusterAddOns, {
        apiVersion: 'addon.open-cluster-management.io/v1beta1',
        kind: 'ManagedClusterAddOn',
        metadata: key(name),
        spec: {},
      } as KubeObject),
    );
    const body = { status: { namespace: ns, ...status } };
    const patch = { type: 'merge', subresource: 'status', body } as const;
    await world.passing(hub().patch(wellKnown.managedClusterAddOns, key(name), patch));
  }

  async function renew(name: string): Promise<void> {
    const renewTime = new Date(world.clock.now()).toISOString().replace('Z', '000Z');
    const spec = { renewTime };
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: ns, name },
      spec,
    };
    const patch = { type: 'apply', body: lease, fieldManager: 'addon', force: true } as const;
    await world.passing(world.managed.patch(wellKnown.leases, { namespace: ns, name }, patch));
  }

  const seen = (name: string) =>
    world.passing(hub().get<ManagedClusterAddOn>(wellKnown.managedClusterAddOns, key(name)));
  const label = async (name: string) =>
    (await world.seen()).metadata.labels?.[`feature.open-cluster-management.io/addon-${name}`];
  const until = (name: string, status: string, reason: string, feature: string): Promise<void> =>
    world.until(
      `${name} is ${status}, ${reason}`,
      async () => {
        const available = findCondition((await seen(name)).status?.conditions, 'Available');
        return available?.status === status && available.reason === reason && (await label(name)) === feature;
      },
      60_000,
    );

  it('is unknown without a lease, available while its lease is renewed, unhealthy when that stops, and well again', async () => {
    await create('beats');
    await until('beats', 'Unknown', 'ManagedClusterAddOnLeaseNotFound', 'unreachable');
    await renew('beats');
    await until('beats', 'True', 'ManagedClusterAddOnLeaseUpdated', 'available');
    await world.clock.advance(240_000);
    await until('beats', 'True', 'ManagedClusterAddOnLeaseUpdated', 'available');
    await world.clock.advance(60_000);
    await until('beats', 'False', 'ManagedClusterAddOnLeaseUpdateStopped', 'unhealthy');
    await renew('beats');
    await until('beats', 'True', 'ManagedClusterAddOnLeaseUpdated', 'available');
  });

  it('that says itself how it is, is left alone', async () => {
    await create('own', { healthCheck: { mode: 'Customized' } });
    await create('other');
    await until('other', 'Unknown', 'ManagedClusterAddOnLeaseNotFound', 'unreachable');
    const before = await seen('own');
    await renew('own');
    await renew('other');
    await until('other', 'True', 'ManagedClusterAddOnLeaseUpdated', 'available');
    expect(await seen('own')).to.deep.equal(before);
  });

  it('is unknown with its cluster, by the word of the hub, and told again when the agent is back', async () => {
    await renew('beats');
    await until('beats', 'True', 'ManagedClusterAddOnLeaseUpdated', 'available');
    world.klusterlet.crash();
    await world.clock.advance(330_000);
    await until('beats', 'Unknown', 'ManagedClusterLeaseUpdateStopped', 'unreachable');
    await renew('beats');
    world.klusterlet.revive();
    await until('beats', 'True', 'ManagedClusterAddOnLeaseUpdated', 'available');
  });
});
