import { expect } from 'chai';
import { type Conditioned, Fleet, type Work, work } from './support/fleet.js';
import { eventually } from './support/processes.js';

const spec = {
  schedule: '*/5 * * * *',
  jobTemplate: {
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
  },
};

function cronJob(version: string, name: string): object {
  return { apiVersion: `batch/${version}`, kind: 'CronJob', metadata: { name, namespace: 'default' }, spec };
}

describe('one resource offered in several API versions', () => {
  const fleet = new Fleet();
  before(async () => {
    await fleet.startHub();
    await fleet.join(await fleet.startCluster('cluster1', { kubernetesVersion: '1.22' }));
  });
  after(() => fleet.close());
  const cluster = () => fleet.clusters[0] ?? expect.fail('no cluster');

  const messages = (got: Work): string[] =>
    (got.status?.resourceStatus?.manifests ?? []).map(
      ({ conditions }) => conditions.find(({ type }) => type === 'Applied')?.message ?? '',
    );

  /** The same cluster after an upgrade: its data directory, another version. */
  async function upgrade(version: string): Promise<void> {
    const { server } = cluster();
    await server.stop();
    const args = server.args.map((arg, index) =>
      server.args[index - 1] === '--kubernetes-version' ? version : arg,
    );
    server.start(args);
    await eventually(
      'the cluster is back',
      async () => (await fleet.on(cluster(), 'get', '--raw', '/readyz')).code === 0,
    );
  }

  it('is applied once, in the first version that the cluster serves', async () => {
    await fleet.apply(work(cluster(), 'both', [cronJob('v1beta1', 'both'), cronJob('v1', 'both')]));
    const got = await fleet.workApplied(cluster(), 'both');
    expect(messages(got)[0]).to.contain('batch/v1beta1');
    expect(messages(got)[1]).to.match(/[Cc]overed by batch\/v1beta1/);
    expect(got.status?.resourceStatus?.manifests?.[0]?.resourceMeta.version).to.equal('v1beta1');
  });

  it('moves to the next version when an upgrade takes the first away, and keeps the object', async () => {
    const before = await fleet.get<Conditioned>(cluster(), 'cronjob', 'both');
    await upgrade('1.25');
    await eventually('the work names batch/v1', async () => {
      const got = await fleet.hubGet<Work>('manifestwork', 'both', '-n', 'cluster1');
      return messages(got).join().includes('batch/v1 is the first');
    });
    const after = await fleet.get<Conditioned>(cluster(), 'cronjob', 'both');
    expect(after.metadata.uid).to.equal(before.metadata.uid);
  });

  it('says what was offered and what is served when no version is, and applies it when one comes', async () => {
    await fleet.apply(work(cluster(), 'old', [cronJob('v1beta1', 'old'), cronJob('v2alpha1', 'old')]));
    const failed = await eventually('the work says that it cannot', async () => {
      const got = await fleet.hubGet<Work>('manifestwork', 'old', '-n', 'cluster1');
      return (
        got.status?.conditions?.some(({ type, status }) => type === 'Applied' && status === 'False') && got
      );
    });
    expect(messages(failed)[0]).to.contain('batch/v1beta1').and.to.contain('batch/v2alpha1');
    expect(messages(failed)[0]).to.match(/serves .*batch\/v1\b/);
    await upgrade('1.22');
    await fleet.workApplied(cluster(), 'old');
  });
});
