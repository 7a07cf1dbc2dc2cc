/** ClusterProfiles that the hub exports into namespaces with bindings. */
import type { ClusterProfile } from '@flotilla/api';
import { type KubeClient, type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { binding, bindingsRef, cluster, clusterSet, HubWorld, setLabel, setsRef } from './hub-world.js';

const profilesRef: ResourceRef = {
  group: 'multicluster.x-k8s.io',
  version: 'v1alpha1',
  resource: 'clusterprofiles',
  namespaced: true,
};
const byLabels = (labelSelector: object): object => ({
  clusterSelector: { selectorType: 'LabelSelector', labelSelector },
});

describe('cluster profiles', () => {
  const world = new HubWorld();
  let hub: KubeClient;
  let count = 0;
  before(async () => {
    await world.start();
    hub = world.hub;
  });
  after(() => world.close());

  interface Place {
    readonly namespace: string;
    readonly set: string;
    readonly name: string;
  }

  /** A namespace, an exclusive set and a cluster in it, of names that no other test has. */
  async function place(options: { spec?: object; isBound?: boolean } = {}): Promise<Place> {
    const id = ++count;
    const made = { namespace: `users-${id}`, set: `set-${id}`, name: `cluster-${id}` };
    await world.createNamespace(made.namespace);
    await hub.create(setsRef, clusterSet(made.set, options.spec));
    await world.createCluster(cluster(made.name, { labels: { [setLabel]: made.set } }));
    if (options.isBound !== false) await hub.create(bindingsRef, binding(made.namespace, made.set));
    await world.settle();
    return made;
  }

  const list = async (namespace: string): Promise<string[]> => {
    await world.settle();
    const { items } = await hub.list<ClusterProfile>(profilesRef, { namespace });
    return items.map(({ metadata }) => metadata.name ?? '').sort();
  };
  const get = (namespace: string, name: string): Promise<ClusterProfile> =>
    hub.get(profilesRef, { namespace, name });

  it('come with the binding of a set, one for each cluster of it', async () => {
    const { namespace, set, name } = await place();
    expect(await list(namespace)).to.deep.equal([name]);
    const { metadata, spec } = await get(namespace, name);
    expect(spec).to.deep.equal({ displayName: name, clusterManager: { name: 'open-cluster-management' } });
    expect(metadata.labels).to.deep.equal({
      'x-k8s.io/cluster-manager': 'open-cluster-management',
      'open-cluster-management.io/cluster-name': name,
      'multicluster.x-k8s.io/clusterset': set,
    });
    await world.createCluster(cluster(`${name}-b`, { labels: { [setLabel]: set } }));
    expect(await list(namespace)).to.deep.equal([name, `${name}-b`]);
  });

  it('are in each namespace that binds the set', async () => {
    const { namespace, set, name } = await place();
    await world.createNamespace(`${namespace}-b`);
    await hub.create(bindingsRef, binding(`${namespace}-b`, set));
    expect(await list(namespace)).to.deep.equal([name]);
    expect(await list(`${namespace}-b`)).to.deep.equal([name]);
  });

  it('go when the binding is deleted', async () => {
    const { namespace, set, name } = await place();
    expect(await list(namespace)).to.deep.equal([name]);
    await hub.delete(bindingsRef, { namespace, name: set });
    expect(await list(namespace)).to.deep.equal([]);
  });

  it('go when the cluster is deleted', async () => {
    const { namespace, name } = await place();
    expect(await list(namespace)).to.deep.equal([name]);
    await hub.delete(wellKnown.managedClusters, { name });
    expect(await list(namespace)).to.deep.equal([]);
  });

  it('are one for a cluster of two sets that are bound, and stay until it is in none', async () => {
    const { namespace, set, name } = await place();
    const other = byLabels({ matchLabels: { [`of-${set}`]: 'yes' } });
    await hub.create(setsRef, clusterSet(`${set}-b`, other));
    await world.patchCluster(name, { metadata: { labels: { [`of-${set}`]: 'yes' } } });
    await hub.create(bindingsRef, binding(namespace, `${set}-b`));
    expect(await list(namespace)).to.deep.equal([name]);
    const { uid } = (await get(namespace, name)).metadata;
    await hub.delete(bindingsRef, { namespace, name: set });
    expect(await list(namespace)).to.deep.equal([name]);
    expect((await get(namespace, name)).metadata.uid).to.equal(uid);
    await hub.delete(bindingsRef, { namespace, name: `${set}-b` });
    expect(await list(namespace)).to.deep.equal([]);
  });

  it('tell version, claims, health and whether the cluster has joined', async () => {
    const { namespace, name } = await place();
    await world.report(name, {
      version: { kubernetes: 'v1.33.1' },
      clusterClaims: [{ name: 'region', value: 'north' }],
      conditions: { ManagedClusterConditionAvailable: 'True', ManagedClusterJoined: 'True' },
    });
    const { status } = await get(namespace, name);
    expect(status?.version).to.deep.equal({ kubernetes: 'v1.33.1' });
    expect(status?.properties).to.deep.equal([{ name: 'region', value: 'north' }]);
    const told = (status?.conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`);
    expect(told).to.have.members(['ControlPlaneHealthy=True Reported', 'Joined=True Reported']);
    await world.report(name, {
      clusterClaims: [],
      conditions: { ManagedClusterConditionAvailable: 'Unknown' },
    });
    const later = (await get(namespace, name)).status;
    expect(later?.properties).to.deep.equal([]);
    const healthy = later?.conditions?.find(({ type }) => type === 'ControlPlaneHealthy');
    expect(healthy?.status).to.equal('Unknown');
    expect(healthy?.message).to.equal('ManagedClusterConditionAvailable is Unknown');
  });

  it('are of all clusters where the global set is bound', async () => {
    const namespace = 'users-global';
    await world.createNamespace(namespace);
    await hub.create(bindingsRef, binding(namespace, 'global'));
    const all = async (): Promise<(string | undefined)[]> =>
      (await hub.list(wellKnown.managedClusters)).items.map(({ metadata }) => metadata.name);
    expect(await list(namespace)).to.have.members(await all());
    await world.createCluster(cluster('without-labels'));
    expect(await list(namespace)).to.contain('without-labels');
    await hub.delete(bindingsRef, { namespace, name: 'global' });
  });

  it('follow a selector with expressions, and labels that change', async () => {
    const { namespace, set, name } = await place({ isBound: false });
    const values = ['production', 'development'];
    const expression = { key: `env-${set}`, operator: 'In', values };
    await hub.create(setsRef, clusterSet(`${set}-env`, byLabels({ matchExpressions: [expression] })));
    for (const value of [...values, 'test']) {
      await world.createCluster(cluster(`${name}-${value}`, { labels: { [`env-${set}`]: value } }));
    }
    await hub.create(bindingsRef, binding(namespace, `${set}-env`));
    expect(await list(namespace)).to.deep.equal([`${name}-development`, `${name}-production`]);
    await world.patchCluster(`${name}-test`, { metadata: { labels: { [`env-${set}`]: 'production' } } });
    await world.patchCluster(`${name}-development`, { metadata: { labels: { [`env-${set}`]: null } } });
    expect(await list(namespace)).to.deep.equal([`${name}-production`, `${name}-test`]);
  });

  it('are one for a cluster that two selectors take', async () => {
    const { namespace, set, name } = await place({ isBound: false });
    for (const [label, value] of [
      ['env', 'production'],
      ['region', 'west'],
    ] as const) {
      const selector = byLabels({ matchLabels: { [`${label}-${set}`]: value } });
      await hub.create(setsRef, clusterSet(`${set}-${label}`, selector));
      await hub.create(bindingsRef, binding(namespace, `${set}-${label}`));
    }
    const labels = { [`env-${set}`]: 'production', [`region-${set}`]: 'west' };
    await world.createCluster(cluster(`${name}-both`, { labels }));
    expect(await list(namespace)).to.deep.equal([`${name}-both`]);
  });

  it('carry the label of the set, also when the cluster moves', async () => {
    const { namespace, set, name } = await place();
    const label = async (): Promise<string | undefined> =>
      (await get(namespace, name)).metadata.labels?.['multicluster.x-k8s.io/clusterset'];
    expect(await label()).to.equal(set);
    await hub.create(setsRef, clusterSet(`${set}-b`));
    await hub.create(bindingsRef, binding(namespace, `${set}-b`));
    await world.patchCluster(name, { metadata: { labels: { [setLabel]: `${set}-b` } } });
    await world.settle();
    expect(await label()).to.equal(`${set}-b`);
    await hub.patch(
      profilesRef,
      { namespace, name },
      { type: 'merge', body: { metadata: { labels: { 'multicluster.x-k8s.io/clusterset': 'forged' } } } },
    );
    await world.settle();
    expect(await label()).to.equal(`${set}-b`);
  });

  it('are not made for a cluster that is being deleted', async () => {
    const { namespace, set, name } = await place({ isBound: false });
    await world.patchCluster(name, { metadata: { finalizers: ['example.com/held'] } });
    await hub.delete(wellKnown.managedClusters, { name });
    await hub.create(bindingsRef, binding(namespace, set));
    expect(await list(namespace)).to.deep.equal([]);
    await world.patchCluster(name, { metadata: { finalizers: null } });
  });

  it('are not made while the binding is not bound', async () => {
    const { namespace, set, name } = await place({ isBound: false });
    await hub.create(bindingsRef, binding(namespace, `${set}-later`));
    await world.patchCluster(name, { metadata: { labels: { [setLabel]: `${set}-later` } } });
    expect(await list(namespace)).to.deep.equal([]);
    await hub.create(setsRef, clusterSet(`${set}-later`));
    expect(await list(namespace)).to.deep.equal([name]);
  });

  it('come back when somebody deletes them, and leave those of other managers alone', async () => {
    const { namespace, set, name } = await place();
    await hub.delete(profilesRef, { namespace, name });
    expect(await list(namespace)).to.deep.equal([name]);
    await hub.create(profilesRef, {
      apiVersion: 'multicluster.x-k8s.io/v1alpha1',
      kind: 'ClusterProfile',
      metadata: { name: 'foreign', namespace, labels: { 'x-k8s.io/cluster-manager': 'other' } },
      spec: { clusterManager: { name: 'other' } },
    });
    await world.createCluster(cluster('foreign', { labels: { [setLabel]: set } }));
    expect(await list(namespace)).to.deep.equal([name, 'foreign']);
    expect((await get(namespace, 'foreign')).spec?.clusterManager.name).to.equal('other');
    await hub.delete(bindingsRef, { namespace, name: set });
    expect(await list(namespace)).to.deep.equal(['foreign']);
  });
});
