/** A cluster's life on the hub without its agent: accepted, denied, unreachable, deleted; what it leaves behind. */
import {
  clusterNameLabel,
  type KubeObject,
  type ManagedCluster,
  managedClusterLeaseName,
} from '@flotilla/api';
import { type KubeClient, type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { cluster, clusterGroup, HubWorld } from './hub-world.js';

const available = 'ManagedClusterConditionAvailable';
const priority = 'open-cluster-management.io/cleanup-priority';

describe("a cluster's life on the hub", () => {
  const world = new HubWorld({ labels: { team: 'fleet' } });
  let hub: KubeClient;
  before(async () => {
    await world.start();
    hub = world.hub;
  });
  after(() => world.close());

  async function accepted(name: string, spec: object = {}): Promise<void> {
    await world.createCluster(cluster(name, { spec: { hubAcceptsClient: true, ...spec } }));
    await world.settle();
  }

  async function find(
    ref: ResourceRef,
    key: { name: string; namespace?: string },
  ): Promise<KubeObject | undefined> {
    const { name, ...place } = key;
    const { items } = await hub.list<KubeObject>(ref, place);
    return items.find(({ metadata }) => metadata.name === name);
  }

  const condition = async (name: string, type: string) =>
    (await world.getCluster(name)).status?.conditions?.find((one) => one.type === type);
  const reason = async (name: string, type: string): Promise<string | undefined> =>
    (await condition(name, type))?.reason;
  const status = async (name: string, type: string): Promise<string | undefined> =>
    (await condition(name, type))?.status;
  const taints = async (name: string): Promise<string[]> =>
    ((await world.getCluster(name)).spec?.taints ?? []).map(({ key }) => key.replace(`${clusterGroup}/`, ''));

  const rightsOf = (name: string) => {
    const role = `open-cluster-management:managedcluster:${name}`;
    return {
      role: () => find(wellKnown.clusterRoles, { name: role }),
      binding: () => find(wellKnown.clusterRoleBindings, { name: role }),
      registration: () => find(wellKnown.roleBindings, { name: `${role}:registration`, namespace: name }),
      work: () => find(wellKnown.roleBindings, { name: `${role}:work`, namespace: name }),
    };
  };

  async function createWork(namespace: string, name: string, more: object = {}): Promise<void> {
    await hub.create(wellKnown.manifestWorks, {
      apiVersion: 'work.open-cluster-management.io/v1',
      kind: 'ManifestWork',
      metadata: { name, namespace, ...more },
      spec: { workload: { manifests: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }] } },
    });
  }

  async function createAddon(namespace: string, name: string, more: object = {}): Promise<void> {
    await hub.create(wellKnown.managedClusterAddOns, {
      apiVersion: 'addon.open-cluster-management.io/v1beta1',
      kind: 'ManagedClusterAddOn',
      metadata: { name, namespace, ...more },
      spec: {},
    });
  }

  const release = (ref: ResourceRef, namespace: string, name: string) =>
    hub.patch(ref, { namespace, name }, { type: 'merge', body: { metadata: { finalizers: null } } });

  async function renew(name: string): Promise<void> {
    const renewTime = new Date(world.env.clock.now()).toISOString().replace('Z', '000Z');
    const key = { namespace: name, name: managedClusterLeaseName };
    await hub.patch(wellKnown.leases, key, { type: 'merge', body: { spec: { renewTime } } });
    await world.settle();
  }

  it('loses its rights when it is denied: reading itself is left, and works until they are gone', async () => {
    await accepted('denied');
    const rights = rightsOf('denied');
    const labels = { team: 'fleet', [clusterNameLabel]: 'denied' };
    const namespace = await find(wellKnown.namespaces, { name: 'denied' });
    for (const object of [
      namespace,
      await rights.role(),
      await rights.binding(),
      await rights.registration(),
      await rights.work(),
    ]) {
      expect(object?.metadata.labels, object?.kind).to.deep.include(labels);
    }
    const rules = async (): Promise<{ verbs: string[] }[]> =>
      ((await rights.role()) as unknown as { rules: { verbs: string[] }[] }).rules;
    expect(await rules()).to.have.length.greaterThan(3);
    await createWork('denied', 'w', { finalizers: ['example.com/held'] });

    await world.patchCluster('denied', { spec: { hubAcceptsClient: false } });
    await world.settle();
    expect(await reason('denied', 'HubAcceptedManagedCluster')).to.equal('HubClusterAdminDenied');
    const left = await rules();
    expect(left.map(({ verbs }) => verbs)).to.deep.equal([['get', 'list', 'watch']]);
    expect(await rights.binding()).not.to.equal(undefined);
    expect(await rights.registration()).to.equal(undefined);
    const work = await rights.work();
    expect(work?.metadata.deletionTimestamp).to.be.a('string');

    await hub.delete(wellKnown.manifestWorks, { namespace: 'denied', name: 'w' });
    await release(wellKnown.manifestWorks, 'denied', 'w');
    await world.settle(10_000);
    expect(await rights.work()).to.equal(undefined);

    await world.patchCluster('denied', { spec: { hubAcceptsClient: true } });
    await world.settle();
    expect(await reason('denied', 'HubAcceptedManagedCluster')).to.equal('HubClusterAdminAccepted');
    expect(await rules()).to.have.length.greaterThan(3);
    expect(await rights.work()).not.to.equal(undefined);
  });

  it('is deleted in order: add-ons, then works, each by priority, then its rights, then itself', async () => {
    await accepted('ordered');
    const held = { finalizers: ['example.com/held'] };
    const at = (value: string) => ({ ...held, annotations: { [priority]: value } });
    await createAddon('ordered', 'first', held);
    await createAddon('ordered', 'last', at('20'));
    await createWork('ordered', 'early', at('5'));
    await createWork('ordered', 'late', at('100'));
    await world.settle();
    const { metadata } = await world.getCluster('ordered');
    expect(metadata.finalizers).to.have.members([
      `${clusterGroup}/api-resource-cleanup`,
      `${clusterGroup}/resource-cleanup`,
    ]);
    await hub.delete(wellKnown.managedClusters, { name: 'ordered' });
    const doomed = async (): Promise<string[]> => {
      await world.settle(6000);
      const lists = [wellKnown.managedClusterAddOns, wellKnown.manifestWorks].map((ref) =>
        hub.list<KubeObject>(ref, { namespace: 'ordered' }),
      );
      const all = (await Promise.all(lists)).flatMap(({ items }) => items);
      return all
        .filter((one) => one.metadata.deletionTimestamp !== undefined)
        .map((one) => one.metadata.name ?? '');
    };
    const deleting = () => condition('ordered', 'Deleting');
    expect(await doomed()).to.deep.equal(['first']);
    expect((await deleting())?.reason).to.equal('ResourceRemaining');
    expect((await deleting())?.status).to.equal('False');
    await release(wellKnown.managedClusterAddOns, 'ordered', 'first');
    expect(await doomed()).to.deep.equal(['last']);
    await release(wellKnown.managedClusterAddOns, 'ordered', 'last');
    expect(await doomed()).to.deep.equal(['early']);
    await release(wellKnown.manifestWorks, 'ordered', 'early');
    expect(await doomed()).to.deep.equal(['late']);
    expect(await rightsOf('ordered').work()).not.to.equal(undefined);
    await release(wellKnown.manifestWorks, 'ordered', 'late');
    await world.settle(6000);
    expect(await find(wellKnown.managedClusters, { name: 'ordered' })).to.equal(undefined);
    for (const read of Object.values(rightsOf('ordered'))) expect(await read()).to.equal(undefined);
    expect(await find(wellKnown.namespaces, { name: 'ordered' })).not.to.equal(undefined);
  });

  it('leaves no rights, works and add-ons when it is gone without its finalizers', async () => {
    await accepted('forced');
    await createWork('forced', 'w');
    await createAddon('forced', 'a');
    await world.settle();
    await world.patchCluster('forced', { metadata: { finalizers: null } });
    await hub.delete(wellKnown.managedClusters, { name: 'forced' });
    await world.settle(20_000);
    for (const [name, read] of Object.entries(rightsOf('forced'))) {
      expect(await read(), name).to.equal(undefined);
    }
    for (const ref of [wellKnown.manifestWorks, wellKnown.managedClusterAddOns]) {
      expect((await hub.list(ref, { namespace: 'forced' })).items, ref.resource).to.deep.equal([]);
    }
  });

  it('that was never here lets works of its name alone', async () => {
    await world.createNamespace('to-come');
    for (const name of ['w', 'other']) await createWork('to-come', name);
    await hub.delete(wellKnown.manifestWorks, { namespace: 'to-come', name: 'other' });
    await world.settle(20_000);
    expect((await hub.list(wellKnown.manifestWorks, { namespace: 'to-come' })).items).to.have.length(1);
  });

  it('is tainted as its state tells: unreachable, none, unavailable, unreachable again', async () => {
    await accepted('tainted', { leaseDurationSeconds: 60 });
    expect(await taints('tainted')).to.deep.equal(['unreachable']);
    await world.report('tainted', { conditions: { [available]: 'True' } });
    expect(await taints('tainted')).to.deep.equal([]);
    await world.report('tainted', { conditions: { [available]: 'False' } });
    expect(await taints('tainted')).to.deep.equal(['unavailable']);
    await world.settle(330_000);
    expect(await reason('tainted', available)).to.equal('ManagedClusterLeaseUpdateStopped');
    expect(await taints('tainted')).to.deep.equal(['unreachable']);
  });

  it('is unknown sooner when its lease is shorter', async () => {
    await accepted('short', { leaseDurationSeconds: 5 });
    await world.report('short', { conditions: { [available]: 'True' } });
    await renew('short');
    await world.settle(20_000);
    expect(await status('short', available)).to.equal('True');
    await world.settle(6000);
    expect(await status('short', available)).to.equal('Unknown');
  });

  it('shows in labels which add-ons it has and how they are, and makes them unknown when it is', async () => {
    await accepted('addons');
    const label = async (name: string): Promise<string | undefined> => {
      await world.settle();
      return (await world.getCluster('addons')).metadata.labels?.[
        `feature.open-cluster-management.io/addon-${name}`
      ];
    };
    await createAddon('addons', 'a');
    expect(await label('a')).to.equal(undefined);
    await world.report('addons', { conditions: { [available]: 'True' } });
    await renew('addons');
    expect(await label('a')).to.equal('unreachable');
    const say = async (value: string): Promise<void> => {
      const lastTransitionTime = new Date(world.env.clock.now()).toISOString();
      const condition = { type: 'Available', status: value, reason: 'R', message: '', lastTransitionTime };
      const body = { status: { conditions: [condition] } };
      const key = { namespace: 'addons', name: 'a' };
      await hub.patch(wellKnown.managedClusterAddOns, key, { type: 'merge', subresource: 'status', body });
    };
    await say('True');
    expect(await label('a')).to.equal('available');
    await say('False');
    expect(await label('a')).to.equal('unhealthy');
    await say('True');
    await world.settle(330_000);
    expect(await label('a')).to.equal('unreachable');
    const addon = await hub.get<ManagedCluster>(wellKnown.managedClusterAddOns, {
      namespace: 'addons',
      name: 'a',
    });
    const [told] = addon.status?.conditions ?? [];
    expect(told).to.include({ status: 'Unknown', reason: 'ManagedClusterLeaseUpdateStopped' });
    await hub.delete(wellKnown.managedClusterAddOns, { namespace: 'addons', name: 'a' });
    expect(await label('a')).to.equal(undefined);
  });
});
