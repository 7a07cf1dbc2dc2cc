import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { type ControllerSelection, noControllers, parseControllers } from './controller-selection.js';
import { ref, startTestCluster, type TestCluster } from './testing/test-cluster.js';

const { namespaces, configMaps, serviceAccounts, clusterRoles } = wellKnown;
const deployments = ref('apps', 'v1', 'deployments');
const services = ref('', 'v1', 'services');
const aggregate = { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: 'of-it' } }] } };

/** What is seen a minute after a few things were written that controllers wait for. */
async function observe(cluster: TestCluster) {
  await cluster.make(namespaces, { metadata: { name: 'team' } });
  await cluster.make(namespaces, { metadata: { name: 'leaving' } });
  await cluster.client.delete(namespaces, { name: 'leaving' });
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: 'gone' };
  await cluster.make(configMaps, {
    metadata: { namespace: 'team', name: 'child', ownerReferences: [owner] },
  });
  await cluster.make(clusterRoles, { metadata: { name: 'sum' }, ...aggregate });
  await cluster.make(clusterRoles, {
    metadata: { name: 'part', labels: { part: 'of-it' } },
    rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }],
  });
  const labels = { app: 'web' };
  await cluster.make(deployments, {
    metadata: { namespace: 'team', name: 'web' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  });
  await cluster.pass(60_000);
  const leaving = await cluster.find(namespaces, 'leaving');
  const sum = await cluster.find(clusterRoles, 'sum');
  return {
    accounts: await cluster.names(serviceAccounts, 'team'),
    configMaps: await cluster.names(configMaps, 'team'),
    leaving: leaving?.['status'],
    sum: sum?.['rules'] ?? [],
    web: (await cluster.find(deployments, 'web', 'team'))?.['status'] ?? {},
    kubernetes: await cluster.names(services, 'default'),
  };
}

describe('a cluster with chosen controllers', () => {
  let cluster: TestCluster;

  const start = async (controllers: ControllerSelection): Promise<void> => {
    cluster = await startTestCluster({ profile: 'cluster', controllers });
  };

  afterEach(() => cluster.close());

  it('does nothing by itself when all are off, but for what a kube-apiserver does', async () => {
    await start(noControllers);
    expect(await observe(cluster)).to.deep.equal({
      accounts: [],
      configMaps: ['child'],
      leaving: { phase: 'Terminating' },
      sum: [],
      web: {},
      kubernetes: ['kubernetes'],
    });
  });

  it('runs those that are named', async () => {
    await start(parseControllers('namespace,garbagecollector,serviceaccount'));
    const seen = await observe(cluster);
    expect(seen).to.deep.include({ accounts: ['default'], configMaps: [], sum: [], web: {} });
    expect(seen.leaving).to.equal(undefined);
  });

  it('runs all but those that are excepted', async () => {
    await start(parseControllers('*,-namespace-controller,-serviceaccount-controller,-workload-simulator'));
    const seen = await observe(cluster);
    expect(seen).to.deep.include({
      accounts: [],
      configMaps: ['kube-root-ca.crt'],
      leaving: { phase: 'Terminating' },
      web: {},
    });
    expect(seen.sum).to.have.length(1);
  });
});
