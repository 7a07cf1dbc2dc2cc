import type { Condition, KubeObject } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { ref, startTestCluster, type TestCluster } from './testing/test-cluster.js';

const { configMaps, secrets, namespaces, pods, serviceAccounts } = wellKnown;

describe('namespace controller', () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await startTestCluster({ profile: 'cluster' });
    await cluster.make(namespaces, { metadata: { name: 'ns' } });
    await cluster.pass(100);
  });

  afterEach(async () => {
    expect(cluster.env.log.find('reconcile failed')).to.deep.equal([]);
    await cluster.close();
  });

  function conditions(namespace: KubeObject | undefined): Record<string, Condition> {
    const status = namespace?.['status'] as { conditions?: Condition[] } | undefined;
    return Object.fromEntries((status?.conditions ?? []).map((condition) => [condition.type, condition]));
  }

  it('gives each namespace its account and its certificates, and gives them back', async () => {
    expect(await cluster.names(serviceAccounts, 'ns')).to.deep.equal(['default']);
    const name = 'kube-root-ca.crt';
    const key = { namespace: 'ns', name };
    const given = await cluster.client.get(configMaps, key);
    await cluster.client.delete(configMaps, key);
    await cluster.client.delete(serviceAccounts, { namespace: 'ns', name: 'default' });
    await cluster.pass(100);
    expect(await cluster.names(serviceAccounts, 'ns')).to.deep.equal(['default']);
    expect((await cluster.client.get(configMaps, key))['data']).to.deep.equal(given['data']);
    await cluster.client.patch(configMaps, key, { type: 'merge', body: { data: { 'ca.crt': 'forged' } } });
    await cluster.pass(100);
    expect((await cluster.client.get(configMaps, key))['data']).to.deep.equal(given['data']);
  });

  it('empties a namespace of a thousand objects and lets it go', async () => {
    for (let i = 0; i < 1000; i++) {
      await cluster.make(configMaps, {
        metadata: { namespace: 'ns', name: `c-${i}` },
        data: { i: String(i) },
      });
    }
    await cluster.client.delete(namespaces, { name: 'ns' });
    await cluster.pass(1000);
    expect(await cluster.find(namespaces, 'ns')).to.equal(undefined);
    expect(await cluster.names(configMaps, 'ns')).to.deep.equal([]);
  });

  it('empties everything that a workload has made', async () => {
    const metadata = { namespace: 'ns', name: 'web' };
    const labels = { app: 'web' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
    await cluster.make(wellKnown.deployments, {
      metadata,
      spec: { replicas: 3, selector: { matchLabels: labels }, template },
    });
    await cluster.pass(500);
    expect((await cluster.names(pods, 'ns')).length).to.equal(3);
    await cluster.client.delete(namespaces, { name: 'ns' });
    await cluster.eventually(async () => expect(await cluster.find(namespaces, 'ns')).to.equal(undefined));
    for (const at of [pods, wellKnown.deployments, ref('apps', 'v1', 'replicasets')]) {
      expect(await cluster.names(at, 'ns')).to.deep.equal([]);
    }
  });

  it('says what holds it, and goes when that is gone', async () => {
    const metadata = { namespace: 'ns', name: 'held', finalizers: ['demo.io/hold'] };
    await cluster.make(secrets, { metadata });
    await cluster.client.delete(namespaces, { name: 'ns' });
    await cluster.pass(1000);
    const said = conditions(await cluster.find(namespaces, 'ns'));
    expect(said['NamespaceContentRemaining']).to.deep.include({
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: 'Some resources are remaining: secrets. has 1 resource instances',
    });
    expect(said['NamespaceFinalizersRemaining']).to.deep.include({
      status: 'True',
      message: 'Some content in the namespace has finalizers remaining: demo.io/hold in 1 resource instances',
    });
    expect(said['NamespaceDeletionContentFailure']?.status).to.equal('False');
    const body = { metadata: { finalizers: null } };
    await cluster.client.patch(secrets, { namespace: 'ns', name: 'held' }, { type: 'merge', body });
    await cluster.pass(5000);
    expect(await cluster.find(namespaces, 'ns')).to.equal(undefined);
  });

  it('keeps what pods use until the last pod is gone', async () => {
    const spec = { containers: [{ name: 'c', image: 'i:1' }] };
    await cluster.make(pods, {
      metadata: { namespace: 'ns', name: 'held', finalizers: ['demo.io/hold'] },
      spec,
    });
    await cluster.make(secrets, { metadata: { namespace: 'ns', name: 'used' } });
    await cluster.client.delete(namespaces, { name: 'ns' });
    await cluster.pass(10_000);
    expect(await cluster.names(secrets, 'ns')).to.deep.equal(['used']);
    const body = { metadata: { finalizers: null } };
    await cluster.client.patch(pods, { namespace: 'ns', name: 'held' }, { type: 'merge', body });
    await cluster.eventually(async () => expect(await cluster.find(namespaces, 'ns')).to.equal(undefined));
    expect(await cluster.names(secrets, 'ns')).to.deep.equal([]);
  });

  it('waits for a finalizer of the namespace itself without a word to the server', async () => {
    const body = { metadata: { finalizers: ['demo.io/hold'] } };
    await cluster.client.patch(namespaces, { name: 'ns' }, { type: 'merge', body });
    await cluster.client.delete(namespaces, { name: 'ns' });
    await cluster.pass(1000);
    const before = await cluster.find(namespaces, 'ns');
    expect(before?.['spec']).to.deep.equal({});
    await cluster.pass(600_000);
    const after = await cluster.find(namespaces, 'ns');
    expect(after?.metadata.resourceVersion).to.equal(before?.metadata.resourceVersion);
  });
});
