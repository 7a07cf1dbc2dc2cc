import { expect } from 'chai';
import { type Conditioned, configMap, Fleet, isTrue, must, type Work, work } from './support/fleet.js';
import { eventually, pause } from './support/processes.js';

interface ConfigMap extends Conditioned {
  readonly data: Record<string, string>;
}

describe('a fleet of real processes', () => {
  const fleet = new Fleet();
  before(async () => {
    await fleet.startHub();
    await fleet.startCluster('cluster1', { kubernetesVersion: '1.20' });
    await fleet.startCluster('cluster2', { kubernetesVersion: '1.32' });
    for (const cluster of fleet.clusters) await fleet.join(cluster);
  });
  after(() => fleet.close());

  const one = () => fleet.clusters[0] ?? expect.fail('no first cluster');
  const two = () => fleet.clusters[1] ?? expect.fail('no second cluster');

  it('shows both clusters as accepted, joined and available', async () => {
    const { stdout } = await fleet.hubCommand('clusters');
    expect(stdout)
      .to.match(/^cluster1 +true +True +True +ManagedClusterAvailable +v1\.20/m)
      .and.to.match(/^cluster2 +true +True +True +ManagedClusterAvailable +v1\.32/m);
    const listed = must(await fleet.kubectl('get', 'managedclusters'));
    expect(listed.split('\n')[0]).to.match(
      /NAME +HUB ACCEPTED +MANAGED CLUSTER URLS +JOINED +AVAILABLE +AGE/,
    );
  });

  it('logs no warning while clusters join', () => {
    for (const { output } of [fleet.hub, one().klusterlet, two().klusterlet])
      expect(output).not.to.match(/ (WARN|ERROR) /);
  });

  it('applies a work, reports it and its feedback', async () => {
    must(await fleet.kubectl('apply', '-f', 'examples/hello.work.yaml'));
    for (const cluster of fleet.clusters) {
      await fleet.workApplied(cluster, 'hello');
      const done = await eventually('the work is available with feedback', async () => {
        const got = await fleet.hubGet<Work>('manifestwork', 'hello', '-n', cluster.name);
        const values =
          got.status?.resourceStatus?.manifests?.flatMap((one) => one.statusFeedback?.values ?? []) ?? [];
        const ready = values.find(({ name }) => name === 'ReadyReplicas');
        return isTrue(got, 'Available') && ready?.fieldValue.integer === 2 && got;
      });
      expect(done.status?.resourceStatus?.manifests).to.have.length(6);
      const live = await fleet.get<ConfigMap>(cluster, 'configmap', 'greeting', '-n', 'hello');
      expect(live.data).to.deep.equal({ text: 'hello from the hub' });
    }
  });

  it('applies of several versions the first that each cluster serves, and says which', async () => {
    const chosen = async (cluster: ReturnType<typeof one>): Promise<string[]> => {
      const got = await fleet.hubGet<Work>('manifestwork', 'hello', '-n', cluster.name);
      const manifests = got.status?.resourceStatus?.manifests ?? [];
      const jobs = manifests.filter(({ resourceMeta }) => resourceMeta.kind === 'CronJob');
      return jobs.map(({ conditions }) => conditions.find(({ type }) => type === 'Applied')?.message ?? '');
    };
    expect((await chosen(one())).join()).to.contain('batch/v1beta1');
    expect((await chosen(two())).join()).to.contain('batch/v1');
    must(await fleet.on(one(), 'get', '--raw', '/apis/batch/v1beta1/namespaces/hello/cronjobs/tick'));
    must(await fleet.on(two(), 'get', '--raw', '/apis/batch/v1/namespaces/hello/cronjobs/tick'));
    expect((await fleet.on(two(), 'get', '--raw', '/apis/batch/v1beta1')).code).not.to.equal(0);
  });

  it('takes drift back within moments', async () => {
    await fleet.apply(work(one(), 'drift', [configMap('steady', { a: '1' })]));
    await fleet.workApplied(one(), 'drift');
    must(await fleet.on(one(), 'patch', 'configmap', 'steady', '--type=merge', '-p', '{"data":{"a":"2"}}'));
    await eventually('the value is back', async () => {
      const live = await fleet.get<ConfigMap>(one(), 'configmap', 'steady');
      return live.data['a'] === '1';
    });
    must(await fleet.on(one(), 'delete', 'configmap', 'steady'));
    await eventually(
      'the object is back',
      async () => (await fleet.on(one(), 'get', 'configmap', 'steady')).code === 0,
    );
  });

  it('brings an update and prunes what was removed', async () => {
    await fleet.apply(
      work(one(), 'change', [configMap('kept', { v: '1' }), configMap('dropped', { v: '1' })]),
    );
    await fleet.workApplied(one(), 'change');
    await fleet.apply(work(one(), 'change', [configMap('kept', { v: '2' })]));
    await fleet.workApplied(one(), 'change');
    await eventually('the update is there', async () => {
      const live = await fleet.get<ConfigMap>(one(), 'configmap', 'kept');
      return live.data['v'] === '2';
    });
    await eventually(
      'the removed one is gone',
      async () => (await fleet.on(one(), 'get', 'configmap', 'dropped')).code === 1,
    );
  });

  it('leaves a foreign object alone when a work that never owned it goes', async () => {
    must(await fleet.on(one(), 'create', 'configmap', 'foreign', '--from-literal=a=1'));
    await fleet.apply(
      work(one(), 'readonly', [configMap('foreign', { a: '9' })], {
        manifestConfigs: [
          {
            resourceIdentifier: { group: '', resource: 'configmaps', namespace: 'default', name: 'foreign' },
            updateStrategy: { type: 'ReadOnly' },
          },
        ],
      }),
    );
    await fleet.workApplied(one(), 'readonly');
    must(await fleet.kubectl('delete', 'manifestwork', 'readonly', '-n', 'cluster1'));
    await pause(300);
    const live = await fleet.get<ConfigMap>(one(), 'configmap', 'foreign');
    expect(live.data).to.deep.equal({ a: '1' });
  });

  it('removes everything it applied when the work is deleted', async () => {
    must(await fleet.kubectl('delete', '-f', 'examples/hello.work.yaml', '--timeout=60s'));
    for (const cluster of fleet.clusters) {
      await eventually(
        'the namespace is gone',
        async () => (await fleet.on(cluster, 'get', 'namespace', 'hello')).code === 1,
      );
      const left = await fleet.get<{ items: unknown[] }>(cluster, 'appliedmanifestworks');
      expect(
        left.items.filter((item) => JSON.stringify(item).includes('"manifestWorkName":"hello"')),
      ).to.have.length(0);
    }
  });
});
