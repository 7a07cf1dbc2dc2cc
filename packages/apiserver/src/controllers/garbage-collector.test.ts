import type { KubeObject, OwnerReference } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { createMemoryStore } from '../storage/memory-store.js';
import { ref, startTestCluster, type TestCluster } from './testing/test-cluster.js';

const { configMaps, secrets, clusterRoles, events, customResourceDefinitions } = wellKnown;
const widgets = ref('demo.io', 'v1', 'widgets');

function refTo(
  { apiVersion, kind, metadata }: KubeObject,
  more: Partial<OwnerReference> = {},
): OwnerReference {
  return { apiVersion, kind, name: metadata.name ?? '', uid: metadata.uid ?? '', ...more };
}

describe('garbage collector', () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await startTestCluster({ profile: 'hub' });
  });

  afterEach(async () => {
    expect(cluster.env.log.find('reconcile failed')).to.deep.equal([]);
    await cluster.close();
  });

  function make(name: string, ...ownerReferences: OwnerReference[]): Promise<KubeObject> {
    return cluster.make(configMaps, { metadata: { namespace: 'default', name, ownerReferences } });
  }

  function key(name: string) {
    return { namespace: 'default', name };
  }

  async function left(): Promise<string[]> {
    return (await cluster.names(configMaps, 'default')).filter((name) => name !== 'kube-root-ca.crt');
  }

  it('deletes what has lost its only owner, and what that owned', async () => {
    const owner = await make('owner');
    const child = await make('child', refTo(owner));
    await make('grandchild', refTo(child));
    await make('other');
    await cluster.pass(1000);
    expect(await left()).to.deep.equal(['child', 'grandchild', 'other', 'owner']);
    await cluster.client.delete(configMaps, key('owner'), { propagationPolicy: 'Background' });
    await cluster.pass(1000);
    expect(await left()).to.deep.equal(['other']);
  });

  it('keeps what still has an owner and takes the reference to the lost one away', async () => {
    const [a, b] = [await make('a'), await make('b')];
    await make('child', refTo(a), refTo(b));
    await cluster.client.delete(configMaps, key('a'));
    await cluster.pass(1000);
    const child = await cluster.find(configMaps, 'child');
    expect(child?.metadata.ownerReferences).to.deep.equal([refTo(b)]);
  });

  it('deletes at once what is made for an owner that is not there', async () => {
    const owner = await make('owner');
    await cluster.client.delete(configMaps, key('owner'));
    await make('late', refTo(owner));
    await cluster.pass(1000);
    expect(await left()).to.deep.equal([]);
  });

  it('takes a namesake of the owner for another object', async () => {
    const owner = await make('owner');
    await cluster.client.delete(configMaps, key('owner'));
    await make('owner');
    await make('child', refTo(owner));
    await cluster.pass(1000);
    expect(await left()).to.deep.equal(['owner']);
  });

  it('believes no reference whose kind is not served', async () => {
    await make('child', { apiVersion: 'nowhere.io/v1', kind: 'Thing', name: 'x', uid: 'u' });
    await cluster.pass(60_000);
    expect(await left()).to.deep.equal(['child']);
  });

  it('deletes blocking dependents before their owner in the foreground', async () => {
    const owner = await make('owner');
    const child = await make('child', refTo(owner, { blockOwnerDeletion: true }));
    await make('grandchild', refTo(child, { blockOwnerDeletion: true }));
    await cluster.make(secrets, {
      metadata: {
        namespace: 'default',
        name: 'held',
        finalizers: ['demo.io/hold'],
        ownerReferences: [refTo(owner, { blockOwnerDeletion: true })],
      },
    });
    await cluster.client.delete(configMaps, key('owner'), { propagationPolicy: 'Foreground' });
    await cluster.pass(1000);
    expect(await left()).to.deep.equal(['owner']);
    expect((await cluster.find(configMaps, 'owner'))?.metadata.finalizers).to.deep.equal([
      'foregroundDeletion',
    ]);
    const body = { metadata: { finalizers: null } };
    await cluster.client.patch(secrets, key('held'), { type: 'merge', body });
    await cluster.pass(1000);
    expect(await left()).to.deep.equal([]);
  });

  it('does not wait in the foreground for dependents that do not block', async () => {
    const owner = await make('owner');
    await cluster.make(secrets, {
      metadata: {
        namespace: 'default',
        name: 'held',
        finalizers: ['demo.io/hold'],
        ownerReferences: [refTo(owner)],
      },
    });
    await cluster.client.delete(configMaps, key('owner'), { propagationPolicy: 'Foreground' });
    await cluster.pass(1000);
    expect(await left()).to.deep.equal([]);
    expect((await cluster.find(secrets, 'held'))?.metadata.deletionTimestamp).to.be.a('string');
  });

  it('ends a circle of objects that wait for each other', async () => {
    const a = await make('a');
    const b = await make('b', refTo(a, { blockOwnerDeletion: true }));
    const body = { metadata: { ownerReferences: [refTo(b, { blockOwnerDeletion: true })] } };
    await cluster.client.patch(configMaps, key('a'), { type: 'merge', body });
    await cluster.client.delete(configMaps, key('a'), { propagationPolicy: 'Foreground' });
    await cluster.eventually(async () => expect(await left()).to.deep.equal([]));
  });

  it('lets dependents go before an orphaning deletion ends', async () => {
    const owner = await make('owner');
    await make('child', refTo(owner));
    await cluster.client.delete(configMaps, key('owner'), { propagationPolicy: 'Orphan' });
    await cluster.pass(1000);
    expect(await left()).to.deep.equal(['child']);
    expect((await cluster.find(configMaps, 'child'))?.metadata.ownerReferences).to.equal(undefined);
  });

  it('ignores an owner in a namespace of an object that has none, and says so', async () => {
    const owner = await make('owner');
    await cluster.make(clusterRoles, {
      metadata: { name: 'wide', ownerReferences: [refTo(owner)] },
      rules: [],
    });
    await cluster.client.delete(configMaps, key('owner'));
    await cluster.pass(1000);
    expect(await cluster.find(clusterRoles, 'wide')).to.be.an('object');
    const [event] = (await cluster.client.list<KubeObject>(events, { namespace: 'default' })).items;
    expect(event).to.deep.include({ reason: 'OwnerRefInvalidNamespace', type: 'Warning' });
  });

  it('finds an owner without a namespace from one that has one', async () => {
    const owner = await cluster.make(clusterRoles, { metadata: { name: 'wide' }, rules: [] });
    await make('child', refTo(owner));
    await cluster.pass(1000);
    expect(await left()).to.deep.equal(['child']);
    await cluster.client.delete(clusterRoles, { name: 'wide' });
    await cluster.pass(1000);
    expect(await left()).to.deep.equal([]);
  });

  it('follows custom resources as they come and go', async () => {
    await cluster.make(customResourceDefinitions, widgetDefinition);
    await cluster.pass(1000);
    const metadata = { namespace: 'default', name: 'w' };
    const widget = await cluster.client.create(widgets, {
      apiVersion: 'demo.io/v1',
      kind: 'Widget',
      metadata,
    });
    await make('child', refTo(widget));
    await cluster.pass(1000);
    expect(await left()).to.deep.equal(['child']);
    await cluster.client.delete(customResourceDefinitions, { name: 'widgets.demo.io' });
    await cluster.eventually(async () => expect(await left()).to.deep.equal([]));
    expect(await cluster.names(customResourceDefinitions)).to.deep.equal([]);
  });

  it('finishes after a restart what it had not begun', async () => {
    const store = createMemoryStore();
    await cluster.close();
    cluster = await startTestCluster({ profile: 'hub', store });
    const owner = await make('owner');
    await make('child', refTo(owner));
    await cluster.client.delete(configMaps, key('owner'));
    const { env } = cluster;
    await cluster.close();
    cluster = await startTestCluster({ profile: 'hub', store, env });
    await cluster.pass(1000);
    expect(await left()).to.deep.equal([]);
  });

  it('collects a thousand dependents of one owner', async () => {
    const owner = await make('owner');
    for (let i = 0; i < 1000; i++) await make(`child-${i}`, refTo(owner));
    await cluster.client.delete(configMaps, key('owner'));
    await cluster.pass(1000);
    expect(await left()).to.deep.equal([]);
  });
});

const widgetDefinition = {
  metadata: { name: 'widgets.demo.io' },
  spec: {
    group: 'demo.io',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
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
