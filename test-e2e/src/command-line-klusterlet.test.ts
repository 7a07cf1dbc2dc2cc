import { expect } from 'chai';
import { parse } from 'yaml';
import { type Cluster, type Conditioned, configMap, Fleet, must, work } from './support/fleet.js';
import { eventually, ours, pause, type Result } from './support/processes.js';
import { expectRefusal, Joiner, joinString } from './support/refusals.js';

describe('klusterlet commands on a fleet', () => {
  const fleet = new Fleet();
  let cluster: Cluster;

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('edge');
    await fleet.join(cluster);
    await fleet.apply(work(cluster, 'first', [configMap('kept', { a: '1' })]));
    await fleet.workApplied(cluster, 'first');
  });
  after(() => fleet.close());

  it('klusterlet status tells what it knows, in all forms', async () => {
    const status = (...more: string[]) => statusOf(cluster.dataDir, ...more);
    const table = must(await status());
    expect(table)
      .to.match(/^WHAT +VALUE\ncluster +edge\nhub +https:/)
      .and.to.match(/^hubAnswers +yes$/m);
    expect(JSON.parse(must(await status('-o', 'json')))).to.include({ cluster: 'edge', available: 'True' });
    expect(parse(must(await status('-o', 'yaml')))).to.include({ cluster: 'edge', savedWorks: '1' });
  });

  it('a klusterlet whose cluster is denied is told so, and comes back with hub approve', async () => {
    const accept = (yes: boolean) =>
      fleet.kubectl(
        'patch',
        'managedcluster',
        'edge',
        '--type=merge',
        '-p',
        `{"spec":{"hubAcceptsClient":${yes}}}`,
      );
    must(await accept(false));
    await eventually('the hub has shut it out', async () => {
      const { status } = await fleet.hubGet<Conditioned>('managedcluster', 'edge');
      return status?.conditions?.some(
        ({ type, status }) => type === 'HubAcceptedManagedCluster' && status === 'False',
      );
    });
    const joiner = new Joiner(fleet, cluster);
    joiner.start(await joinString(fleet, '--cluster', 'edge'), 'edge');
    await eventually('it is told', () =>
      joiner.output.includes(
        'the hub has denied the cluster edge: its certificate request stays unanswered until',
      ),
    );
    await joiner.stop();
    must(await accept(true));
    await fleet.available(cluster);
  });

  describe('while the hub is away', () => {
    before(() => fleet.hub.stop());
    after(async () => {
      fleet.hub.start();
      await fleet.hubReady();
    });

    for (const args of [['clusters'], ['works'], ['csr', 'list'], ['approve', 'edge'], ['token', 'create']]) {
      it(`hub ${args.join(' ')} says so`, async () => {
        const away = /^error: cannot reach hub at 127\.0\.0\.1:\d+: connection refused \(TCP\)\n$/;
        expectRefusal(await fleet.hubCommand(...args), 1, away);
      });
    }

    it('klusterlet status still tells what it knows', async () => {
      const { code, stdout } = await statusOf(cluster.dataDir);
      expect(stdout)
        .to.match(/^certificate +valid until 20/m)
        .and.to.match(/^hubAnswers +no: .*hub/m);
      expect(code).to.equal(0);
    });

    it('a klusterlet that has joined starts, also while its own cluster is away, and goes on when both are back', async () => {
      await cluster.klusterlet.stop();
      await cluster.server.stop();
      cluster.klusterlet.start();
      await eventually('it tries', () => cluster.klusterlet.output.includes('managed cluster not ready'));
      expect(cluster.klusterlet.isRunning).to.equal(true);
      cluster.server.start();
      await eventually(
        'the cluster is back',
        async () => (await fleet.on(cluster, 'get', 'namespaces')).code === 0,
      );
      must(await fleet.on(cluster, 'delete', 'configmap', 'kept'));
      await eventually(
        'drift is corrected',
        async () => (await fleet.on(cluster, 'get', 'configmap', 'kept')).code === 0,
      );
    });
  });

  describe('klusterlet leave', () => {
    it('keeps the workloads, and another hub may have the cluster', async () => {
      await cluster.klusterlet.stop();
      const left = await leaveOf(cluster.dataDir, '--keep-workloads');
      expect(left.stdout).to.match(
        /^left https:\S+: 1 work disowned; the hub was told; .*hub clusters remove edge\n$/,
      );
      expect(left.code).to.equal(0);
      const kept = await fleet.get<Conditioned & { metadata: { ownerReferences?: unknown[] } }>(
        cluster,
        'configmap',
        'kept',
      );
      expect(kept.metadata.ownerReferences ?? []).to.deep.equal([]);
      await pause(500);
      must(await fleet.on(cluster, 'get', 'configmap', 'kept'));
      const gone = await fleet.on(cluster, 'get', 'appliedmanifestworks');
      expect(gone.code, gone.stdout).to.equal(1);
      expectRefusal(await leaveOf(cluster.dataDir), 2, /no klusterlet has joined/);
    });

    it('deletes them unless it is told otherwise, also while the hub is away', async () => {
      const second = new Fleet();
      try {
        await second.startHub();
        const token = await joinString(second);
        const { klusterlet, kubeconfig, dataDir } = cluster;
        klusterlet.start([
          'join',
          token,
          '--name',
          'edge',
          '--kubeconfig',
          kubeconfig,
          '--data-dir',
          dataDir,
        ]);
        expect((await second.hubCommand('approve', 'edge')).code).to.equal(0);
        await second.available(cluster);
        await second.apply(work(cluster, 'other', [configMap('gone', { a: '1' })]));
        await second.workApplied(cluster, 'other');
        must(await fleet.on(cluster, 'get', 'configmap', 'gone'));
        await klusterlet.stop();
        await second.hub.stop();
        const left = await leaveOf(dataDir);
        expect(left.stdout).to.match(/1 work deleted/);
        await eventually(
          'it is gone',
          async () => (await fleet.on(cluster, 'get', 'configmap', 'gone')).code === 1,
        );
        must(await fleet.on(cluster, 'get', 'configmap', 'kept'));
      } finally {
        await second.close();
      }
    });
  });
});

function statusOf(dataDir: string, ...more: string[]): Promise<Result> {
  return ours('klusterlet', ['status', '--data-dir', dataDir, ...more]);
}

function leaveOf(dataDir: string, ...more: string[]): Promise<Result> {
  return ours('klusterlet', ['leave', '--data-dir', dataDir, ...more]);
}
