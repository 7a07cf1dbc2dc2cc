/** Cluster sets: those that every hub has, and how each kind of set tells whether it has clusters. */
import type { ManagedClusterSet } from '@flotilla/api';
import { type KubeClient, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { cluster, clusterSet, HubWorld, setLabel, setsRef } from './hub-world.js';

const exclusive = { clusterSelector: { selectorType: 'ExclusiveClusterSetLabel' } };
const everything = { clusterSelector: { selectorType: 'LabelSelector', labelSelector: {} } };

describe('cluster sets', () => {
  const world = new HubWorld();
  let hub: KubeClient;
  before(async () => {
    await world.start();
    hub = world.hub;
  });
  after(() => world.close());

  const get = async (name: string): Promise<ManagedClusterSet> => {
    await world.settle();
    return hub.get(setsRef, { name });
  };
  const state = async (name: string): Promise<string> => {
    const [{ type, status, reason, message } = expect.fail('no condition')] =
      (await get(name)).status?.conditions ?? [];
    return `${type}=${status} ${reason}: ${message}`;
  };
  const empty = 'ClusterSetEmpty=True NoClusterMatched: No ManagedCluster selected';
  const has = (count: number): string =>
    `ClusterSetEmpty=False ClustersSelected: ${count} ManagedClusters selected`;
  const move = (name: string, set: string) =>
    world.patchCluster(name, { metadata: { labels: { [setLabel]: set } } });

  for (const [name, spec] of Object.entries({ default: exclusive, global: everything })) {
    it(`${name} is there`, async () => {
      expect((await get(name)).spec).to.deep.equal(spec);
    });

    it(`${name} is made again when it was deleted`, async () => {
      const { uid } = (await get(name)).metadata;
      await hub.delete(setsRef, { name });
      const again = await get(name);
      expect(again.metadata.uid).not.to.equal(uid);
      expect(again.spec).to.deep.equal(spec);
    });

    it(`${name} gets back what it selects when somebody changed it`, async () => {
      const labelSelector = { matchLabels: { vendor: 'x' } };
      const body = { spec: { clusterSelector: { selectorType: 'LabelSelector', labelSelector } } };
      await hub.patch(setsRef, { name }, { type: 'merge', body });
      expect((await get(name)).spec).to.deep.equal(spec);
    });

    it(`${name} keeps the labels and annotations that users gave it`, async () => {
      const metadata = { labels: { mine: '1' }, annotations: { mine: '2' } };
      await hub.patch(setsRef, { name }, { type: 'merge', body: { metadata } });
      const selector = { spec: { clusterSelector: { selectorType: 'ExclusiveClusterSetLabel' } } };
      await hub.patch(setsRef, { name }, { type: 'merge', body: selector });
      const kept = await get(name);
      expect(kept.metadata.labels).to.deep.include(metadata.labels);
      expect(kept.metadata.annotations).to.deep.include(metadata.annotations);
      expect(kept.spec).to.deep.equal(spec);
    });
  }

  it('made without a selector goes by the label, and tells when clusters come and leave', async () => {
    for (const name of ['plain', 'plain-b']) await hub.create(setsRef, clusterSet(name));
    expect((await get('plain')).spec).to.deep.equal(exclusive);
    expect(await state('plain')).to.equal(empty);
    await world.createCluster(cluster('of-plain', { labels: { [setLabel]: 'plain' } }));
    expect(await state('plain')).to.equal(has(1));
    await move('of-plain', 'plain-b');
    expect(await state('plain')).to.equal(empty);
    expect(await state('plain-b')).to.equal(has(1));
  });

  it('of the exclusive kind tells when clusters come and leave', async () => {
    await hub.create(setsRef, clusterSet('exclusive', exclusive));
    expect(await state('exclusive')).to.equal(empty);
    for (const name of ['one', 'two']) {
      await world.createCluster(cluster(`exclusive-${name}`, { labels: { [setLabel]: 'exclusive' } }));
    }
    expect(await state('exclusive')).to.equal(has(2));
    await hub.delete(wellKnown.managedClusters, { name: 'exclusive-one' });
    expect(await state('exclusive')).to.equal(has(1));
    await move('exclusive-two', 'default');
    expect(await state('exclusive')).to.equal(empty);
  });

  it('of a label selector tells when clusters come to match and no more', async () => {
    const bySelector = (matchLabels: object): object => ({
      clusterSelector: { selectorType: 'LabelSelector', labelSelector: { matchLabels } },
    });
    await hub.create(setsRef, clusterSet('vendor', bySelector({ vendor: 'x' })));
    expect(await state('vendor')).to.equal(empty);
    await world.createCluster(cluster('of-vendor', { labels: { vendor: 'x' } }));
    expect(await state('vendor')).to.equal(has(1));
    // A cluster can be in several of these.
    await hub.create(setsRef, clusterSet('vendor-b', bySelector({ vendor: 'x' })));
    expect(await state('vendor-b')).to.equal(has(1));
    await world.patchCluster('of-vendor', { metadata: { labels: { vendor: 'y' } } });
    expect(await state('vendor')).to.equal(empty);
    expect(await state('vendor-b')).to.equal(empty);
  });

  it('of an empty label selector has all clusters', async () => {
    await hub.create(setsRef, clusterSet('all', everything));
    const count = async (): Promise<number> => (await hub.list(wellKnown.managedClusters)).items.length;
    expect(await state('all')).to.equal(has(await count()));
    await world.createCluster(cluster('one-more'));
    expect(await state('all')).to.equal(has(await count()));
  });
});
