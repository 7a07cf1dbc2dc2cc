/**
 * Watch, not poll; and coexist: drift is corrected long before any resync, what others set is left to them, and nothing
 * is written when nothing differs.
 */
import { join } from 'node:path';
import { expect } from 'chai';
import { AuditLog } from '../support/audit-log.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { configMap, Fleet } from '../support/fleet.js';
import { gadget, gadgets, ManagedWorks } from '../support/managed.js';
import { eventually, pause } from '../support/processes.js';

/** Far below the resync of five minutes, which is what OCM's agent waits for; machines may be slow. */
const soon = { timeoutMs: 15_000, stepMs: 20 };

const labels = { app: 'web' };
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'registry.example/x' }] } },
  },
};

const strategy = (resource: string, updateStrategy: object, name = '*') => ({
  manifestConfigs: [
    { resourceIdentifier: { group: '', resource, namespace: 'default', name }, updateStrategy },
  ],
});

describe('a klusterlet beside others', function () {
  this.timeout(120_000);
  const fleet = new Fleet();
  let works: ManagedWorks;
  let log: AuditLog;
  let proxy: FaultProxy;

  before(async () => {
    await fleet.startHub();
    log = new AuditLog(fleet.directory, 'edge');
    const cluster = await fleet.startCluster('edge', { flags: log.flags });
    works = new ManagedWorks(fleet, cluster);
    proxy = new FaultProxy(cluster);
    await proxy.start();
    const kubeconfig = join(fleet.directory, 'klusterlet.kubeconfig');
    proxy.writeKubeconfig(kubeconfig);
    await fleet.join(cluster, kubeconfig);
  });
  after(async () => {
    await fleet.close();
    await proxy.stop();
  });

  describe('watches', () => {
    const feedbackRules = [{ type: 'JSONPaths', jsonPaths: [{ name: 'phase', path: '.status.phase' }] }];
    const resourceIdentifier = { group: 'example.io', resource: 'gadgets', namespace: 'default', name: 'g' };
    const phase = async (): Promise<unknown> => {
      const { status } = await works.read('watched');
      const values = status?.resourceStatus?.manifests?.flatMap((each) => each.statusFeedback?.values ?? []);
      return (values?.[0]?.fieldValue as { string?: string } | undefined)?.string;
    };

    before(() =>
      works.send(
        'watched',
        [gadgets, gadget('g', { size: 1 }), configMap('watched', { a: '1' }), deployment],
        {
          manifestConfigs: [{ resourceIdentifier, feedbackRules }],
        },
      ),
    );

    it('corrects drift of built-in and custom kinds, changed or gone', async () => {
      for (let round = 0; round < 3; round++) {
        await works.merge(['configmap', 'watched'], { data: { a: `wrong-${round}` } });
        await works.merge(['gadget', 'g'], { spec: { size: 100 + round } });
        const container = { name: 'c', image: `registry.example/wrong:${round}` };
        const template = { spec: { template: { spec: { containers: [container] } } } };
        await works.k('patch', 'deployment', 'web', '-p', JSON.stringify(template));
        await eventually(
          'all is corrected',
          async () => {
            const map = (await works.get('configmap', 'watched')).data?.['a'];
            const size = (await works.get('gadget', 'g')).spec?.['size'];
            const web = JSON.stringify((await works.get('deployment', 'web')).spec);
            return map === '1' && size === 1 && web.includes('"registry.example/x"');
          },
          soon,
        );
      }
      for (const object of [
        ['configmap', 'watched'],
        ['gadget', 'g'],
        ['deployment', 'web'],
      ]) {
        await works.k('delete', ...object);
        await eventually(`${object.join(' ')} is back`, () => works.has(...object), soon);
      }
    });

    it('shows on the hub what a status says now, of any kind', async () => {
      for (const wanted of ['one', 'two', 'three']) {
        await works.merge(['gadget', 'g'], { status: { phase: wanted } }, '--subresource=status');
        await eventually(`the phase is ${wanted}`, async () => (await phase()) === wanted, soon);
      }
    });

    it('reads metadata only, and whole objects only where they are its own', async () => {
      await works.k('create', 'configmap', 'foreign', '--from-literal=a=1');
      await pause(300);
      const reads = proxy.requests.filter(({ method }) => method === 'GET');
      const collections = reads.filter(({ path }) => /\/(configmaps|gadgets|deployments)$/.test(path));
      expect(collections).not.to.have.length(0);
      for (const { path, headers } of collections) {
        expect(headers.accept, path).to.contain('as=PartialObjectMetadata');
      }
      expect(reads.filter(({ path }) => path.endsWith('/configmaps/foreign'))).to.have.length(0);
    });
  });

  describe('leaves to others what is theirs', () => {
    it('does not fight over fields that no manifest sets', async () => {
      await works.send('shared', [configMap('shared', { a: '1' }), deployment]);
      await works.merge(['configmap', 'shared'], {
        metadata: { labels: { by: 'another' }, annotations: { 'example.io/by': 'another' } },
        data: { b: '2' },
      });
      await works.k('scale', 'deployment', 'web', '--replicas=3');
      // A correction of what is ours goes around them.
      await works.merge(['configmap', 'shared'], { data: { a: 'wrong' } });
      await eventually(
        'ours is corrected',
        async () => (await works.get('configmap', 'shared')).data?.['a'] === '1',
        soon,
      );
      const live = await works.get('configmap', 'shared');
      expect(live.data).to.deep.equal({ a: '1', b: '2' });
      expect(live.metadata.labels).to.deep.include({ by: 'another' });
      expect(live.metadata.annotations).to.deep.include({ 'example.io/by': 'another' });
      expect((await works.get('deployment', 'web')).spec?.['replicas']).to.equal(3);
    });

    it('does not fight over what ignoreFields names', async () => {
      const serverSideApply = {
        force: true,
        ignoreFields: [{ condition: 'OnSpokeChange', jsonPaths: ['.data.a'] }],
      };
      const more = strategy('configmaps', { type: 'ServerSideApply', serverSideApply });
      await works.send('ignoring', [configMap('ignoring', { a: '1', b: '1' })], more);
      await works.merge(['configmap', 'ignoring'], { data: { a: 'theirs' } });
      await pause(1500);
      expect((await works.get('configmap', 'ignoring')).data).to.deep.equal({ a: 'theirs', b: '1' });
    });

    it('writes nothing when nothing differs, also after restarts', async () => {
      await works.send('quiet', [gadgets, gadget('quiet', { size: 1 }), configMap('quiet', { a: '1' })]);
      const serverSideApply = strategy('configmaps', { type: 'ServerSideApply' });
      await works.send('quiet-ssa', [configMap('quiet-ssa', { a: '1' })], serverSideApply);
      const objects = [
        ['gadget', 'quiet'],
        ['configmap', 'quiet'],
        ['configmap', 'quiet-ssa'],
      ] as const;
      const versions = () =>
        Promise.all(objects.map(async (each) => (await works.get(...each)).metadata.resourceVersion));
      const before = await versions();
      const from = log.read().length;
      await works.cluster.klusterlet.stop();
      works.cluster.klusterlet.start(['run', '--data-dir', works.cluster.dataDir, '--resync-period', '1s']);
      await fleet.available(works.cluster);
      // The start, and several resyncs.
      await pause(4000);
      expect(await versions()).to.deep.equal(before);
      const writes = log.writes(from).filter((each) => /gadgets|configmaps|deployments/.test(each));
      // With server-side apply only the server knows what differs: it is asked once by each process.
      expect(writes.filter((each) => each !== 'patch configmaps/quiet-ssa')).to.deep.equal([]);
      expect(writes.length).to.be.at.most(1);
    });
  });

  describe('in a conflict of server-side apply', () => {
    const serverSideApply = { fieldManager: 'work-agent-test' };
    const ssa = (name: string) => strategy('configmaps', { type: 'ServerSideApply', serverSideApply }, name);

    it('names manager and field, corrects the rest, and goes on when the field is given up', async () => {
      const kubectlApply = (data: object) =>
        fleet.runOn(
          works.cluster,
          { input: JSON.stringify({ ...configMap('contested', {}), data }) },
          ...['apply', '--server-side', '--field-manager=their-tool', '-f', '-'],
        );
      await kubectlApply({ theirs: 'x', a: 'theirs' });
      await works.apply(
        'contested',
        [configMap('contested', { a: 'ours', b: 'ours' }), configMap('free', { a: '1' })],
        ssa('contested'),
      );
      const conflict = await works.until('contested', 'contested', {
        type: 'Applied',
        status: 'False',
        says: /conflict with "their-tool".*\.data\.a/s,
      });
      expect(conflict.message).to.contain('their-tool');
      expect(await works.why('contested')).to.contain('another manager holds the field');
      await works.until('contested', 'free', { type: 'Applied', status: 'True' });
      await works.merge(['configmap', 'free'], { data: { a: 'wrong' } });
      await eventually(
        'the rest is corrected',
        async () => (await works.get('configmap', 'free')).data?.['a'] === '1',
        soon,
      );
      await kubectlApply({ theirs: 'x' });
      await eventually(
        'the field is taken',
        async () => (await works.get('configmap', 'contested')).data?.['a'] === 'ours',
      );
      await works.until('contested', 'contested', { type: 'Applied', status: 'True' });
      expect((await works.get('configmap', 'contested')).data).to.deep.equal({
        theirs: 'x',
        a: 'ours',
        b: 'ours',
      });
    });

    it('brings the other fields of its own object meanwhile', async () => {
      await works.apply('partly', [configMap('partly', { a: 'ours', b: 'ours' })], ssa('partly'));
      await works.until('partly', 'partly', { type: 'Applied', status: 'True' });
      await works.merge(['configmap', 'partly'], { data: { a: 'theirs' } });
      await works.until('partly', 'partly', { type: 'Applied', status: 'False', says: /\.data\.a/ });
      await works.merge(['configmap', 'partly'], { data: { b: null } });
      await eventually(
        'the other field is back',
        async () => (await works.get('configmap', 'partly')).data?.['b'] === 'ours',
        soon,
      );
      expect((await works.get('configmap', 'partly')).data?.['a']).to.equal('theirs');
    });

    it('is retried soon when another manager only lets go', async () => {
      // The object does not change its content: only the claim goes.
      const kubectl = ['apply', '--server-side', '-f', '-'];
      const run = (manager: string, data: object) =>
        fleet.runOn(
          works.cluster,
          { input: JSON.stringify({ ...configMap('claimed', {}), data }) },
          ...kubectl,
          `--field-manager=${manager}`,
        );
      await run('first-tool', { a: 'theirs', keep: 'x' });
      await run('second-tool', { a: 'theirs' });
      await works.apply('claimed', [configMap('claimed', { a: 'ours' })], ssa('claimed'));
      await works.until('claimed', 'claimed', {
        type: 'Applied',
        status: 'False',
        says: /conflicts? with "/,
      });
      await run('first-tool', { keep: 'x' });
      await run('second-tool', {});
      await works.until('claimed', 'claimed', { type: 'Applied', status: 'True' });
      expect((await works.get('configmap', 'claimed')).data).to.deep.equal({ a: 'ours', keep: 'x' });
    });
  });
});
