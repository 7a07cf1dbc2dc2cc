import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publicKeyHash } from '@flotilla/kube';
import { expect } from 'chai';
import { type Diagnosis, examine, expectFailure } from './support/doctor.js';
import { newAuthority, startPlainHub, startTlsHub } from './support/false-hubs.js';
import { type Cluster, type Conditioned, configMap, Fleet, must, work } from './support/fleet.js';
import { freePort } from './support/network.js';
import { eventually, ours } from './support/processes.js';

describe('klusterlet doctor', () => {
  const fleet = new Fleet();
  let cluster: Cluster;
  const doctor = (more: object = {}): Promise<Diagnosis> =>
    examine('klusterlet', ['--data-dir', cluster.dataDir], more);
  const file = (name: string): string => join(cluster.dataDir, name);

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('edge');
    await fleet.join(cluster);
    await fleet.apply(work(cluster, 'first', [configMap('kept', { a: '1' })]));
    await fleet.workApplied(cluster, 'first');
  });
  after(() => fleet.close());

  /** Spoils the directory for one examination; what was there comes back. */
  async function spoiled(spoil: () => void | Promise<void>, more: object = {}): Promise<Diagnosis> {
    const copy = join(fleet.directory, 'copy');
    cpSync(cluster.dataDir, copy, { recursive: true });
    try {
      await spoil();
      return await doctor(more);
    } finally {
      for (const name of readdirSync(copy)) {
        rmSync(file(name), { recursive: true, force: true });
        cpSync(join(copy, name), file(name), { recursive: true });
      }
      rmSync(copy, { recursive: true });
    }
  }

  /** With another word in the configuration. */
  function configured(change: object): void {
    const config = JSON.parse(readFileSync(file('config.json'), 'utf8')) as object;
    writeFileSync(file('config.json'), JSON.stringify({ ...config, ...change }));
  }

  it('finds a klusterlet well that is, in a line for each check, and all of it in JSON', async () => {
    const { code, checks } = await doctor();
    expect(checks.filter(({ verdict }) => verdict !== 'ok')).to.deep.equal([]);
    expect(checks.map(({ check }) => check)).to.deep.equal([
      ...['data directory', 'saved works', 'certificate', 'agent', 'cluster', 'cluster rights'],
      ...['hub name', 'hub route', 'hub tls', 'hub ca'],
      ...['clock', 'hub API', 'identity', 'hub rights', 'membership', 'heartbeat'],
    ]);
    expect(code).to.equal(0);
    const table = must(await ours('klusterlet', ['doctor', '--data-dir', cluster.dataDir]));
    expect(table)
      .to.match(/^ok {3}data directory: /m)
      .and.to.match(/\n16 well, 0 to look at, 0 failed\n$/);
  });

  describe('says what is wrong, and the fix', () => {
    it('of keys that others may read', async () => {
      const found = await spoiled(() => chmodSync(file('hub/tls.key'), 0o644));
      expectFailure(
        found,
        'data directory',
        /others may read the key in \S+hub\/tls\.key \(mode 0644\)/,
        /^chmod 600 /,
      );
    });
    it('of a directory that others may write to', async () => {
      const found = await spoiled(() => chmodSync(cluster.dataDir, 0o777));
      chmodSync(cluster.dataDir, 0o700);
      expectFailure(found, 'data directory', /others may write to/, /^chmod go-w /);
    });
    it('of saved works that are torn', async () => {
      const found = await spoiled(() => {
        for (const name of readdirSync(file('works'))) writeFileSync(join(file('works'), name), 'broken');
      });
      expectFailure(found, 'saved works', /not written whole/, /asks it for all works/);
    });
    it('of a certificate that is damaged', async () => {
      const found = await spoiled(() => writeFileSync(file('hub/tls.key'), 'no key', { mode: 0o600 }));
      expectFailure(found, 'certificate', /damaged/, /start the klusterlet/);
      expect(found.checks.find(({ check }) => check === 'identity')?.verdict).to.equal('skip');
    });
    it('of a certificate that has expired', async () => {
      const found = await doctor({ clockAheadMs: 2 * 365 * 24 * 3_600_000 });
      expectFailure(found, 'certificate', /the certificate for the hub expired at 20/, /klusterlet run/);
    });
    it('of a clock that is wrong', async () => {
      const ahead = await doctor({ clockAheadMs: 120_000 });
      expectFailure(ahead, 'clock', /is 1\d\d s ahead of that of the hub/, /NTP/);
      const behind = await doctor({ clockAheadMs: -120_000 });
      expectFailure(behind, 'clock', /is 1\d\d s behind that of the hub/, /NTP/);
    });
    it('of a host name that nobody knows', async () => {
      const found = await spoiled(() => configured({ hubServer: 'https://no-such-hub.invalid:6443' }));
      expectFailure(found, 'hub name', /host name is not known \(DNS\)/, /into DNS/);
    });
    it('of a port where nobody listens', async () => {
      const port = await freePort();
      const found = await spoiled(() => configured({ hubServer: `https://127.0.0.1:${port}` }));
      expectFailure(found, 'hub route', /connection refused \(TCP\)/, /see whether the hub runs/);
    });
    it('of something else on the port of the hub', async () => {
      const plain = await startPlainHub();
      const found = await spoiled(() => configured({ hubServer: `https://127.0.0.1:${plain.port}` }));
      await plain.close();
      expectFailure(found, 'hub tls', /does not speak TLS/, /something else answers there/);
    });
    it('of a hub with another authority', async () => {
      const signer = newAuthority('mallory');
      const false_ = await startTlsHub({ signer, shown: signer, fromMs: Date.now() - 60_000 });
      const found = await spoiled(() => configured({ hubServer: `https://127.0.0.1:${false_.port}` }));
      await false_.close();
      expectFailure(
        found,
        'hub ca',
        /is not good \(CA\): the certificate is not signed/,
        /get a new join string/,
      );
      expect(publicKeyHash(signer.certificatePem)).to.equal(false_.pin);
    });
    it('of a server that is no hub', async () => {
      const config = JSON.parse(
        must(await fleet.on(cluster, 'config', 'view', '--raw', '--flatten', '-o', 'json')),
      ) as { clusters: { cluster: { server: string; 'certificate-authority-data': string } }[] };
      const managed = config.clusters[0]?.cluster ?? expect.fail('the kubeconfig has no cluster');
      const hubCa = Buffer.from(managed['certificate-authority-data'], 'base64').toString();
      const token = must(await fleet.on(cluster, 'create', 'token', 'default')).trim();
      must(
        await fleet.on(
          cluster,
          'create',
          'clusterrolebinding',
          'all',
          '--clusterrole=cluster-admin',
          '--serviceaccount=default:default',
        ),
      );
      const bootstrap = join(fleet.directory, 'bootstrap.kubeconfig');
      const parts = {
        clusters: [{ name: 'c', cluster: managed }],
        users: [{ name: 'u', user: { token } }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      };
      writeFileSync(
        bootstrap,
        JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...parts, 'current-context': 'x' }),
      );
      const args = [
        'join',
        '--bootstrap-kubeconfig',
        bootstrap,
        '--name',
        'x',
        '--kubeconfig',
        cluster.kubeconfig,
      ];
      const joined = await ours('klusterlet', [...args, '--data-dir', join(fleet.directory, 'none')]);
      expect(joined.stderr).to.match(
        /error: hub API: the server does not serve managedclusters\S+: it is an API server, and no hub; to mend it: give the address of a hub/,
      );
      expect(joined.code).to.equal(1);
      const found = await spoiled(() => configured({ hubServer: managed.server, hubCa }));
      expect(found.checks.find(({ check }) => check === 'hub API')?.verdict).to.equal('fail');
    });
    it('of a managed cluster that is not there', async () => {
      await cluster.server.stop();
      const found = await doctor();
      cluster.server.start();
      expectFailure(
        found,
        'cluster',
        /the managed cluster of \S+ cannot be reached: .*connection refused/,
        /--kubeconfig/,
      );
      await eventually(
        'it is back',
        async () => (await fleet.on(cluster, 'get', '--raw', '/readyz')).stdout === 'ok',
      );
    });
    it('of rights that it lacks in the managed cluster', async () => {
      must(await fleet.on(cluster, 'create', 'serviceaccount', 'weak'));
      const token = must(await fleet.on(cluster, 'create', 'token', 'weak')).trim();
      const weak = join(fleet.directory, 'weak.kubeconfig');
      const config = JSON.parse(
        must(await fleet.on(cluster, 'config', 'view', '--raw', '--flatten', '-o', 'json')),
      ) as { users: { name: string }[] };
      const users = config.users.map(({ name }) => ({ name, user: { token } }));
      writeFileSync(weak, JSON.stringify({ ...config, users }));
      const found = await spoiled(() => configured({ kubeconfig: weak }));
      expectFailure(
        found,
        'cluster rights',
        /\(RBAC\) the klusterlet may not .*customresourcedefinitions/,
        /deploy\/klusterlet/,
      );
    });
    it('of a cluster that the hub has denied', async () => {
      must(await fleet.hubCommand('deny', 'edge'));
      await eventually('it is denied', async () => {
        const { status } = await fleet.hubGet<Conditioned>('managedcluster', 'edge');
        return status?.conditions?.some(({ reason }) => reason === 'HubClusterAdminDenied');
      });
      const found = await eventually('its rights are gone', async () => {
        const each = await doctor();
        return each.checks.some(({ check, verdict }) => check === 'hub rights' && verdict === 'fail') && each;
      });
      expectFailure(found, 'hub rights', /may not .*leases\.coordination\.k8s\.io/, /hub approve edge/);
      expectFailure(found, 'membership', /does not accept edge/, /hub approve edge/);
      must(await fleet.hubCommand('approve', 'edge'));
      await fleet.available(cluster);
    });
    it('of a klusterlet that does not run, and of a heartbeat that has stopped', async () => {
      await cluster.klusterlet.stop();
      const renewTime = new Date(Date.now() - 3_600_000).toISOString().replace('Z', '000Z');
      const patch = JSON.stringify({ spec: { renewTime } });
      must(
        await fleet.kubectl(
          'patch',
          'lease',
          'managed-cluster-lease',
          '-n',
          'edge',
          '--type=merge',
          '-p',
          patch,
        ),
      );
      const found = await doctor();
      expectFailure(found, 'agent', /no klusterlet runs on/, /^klusterlet run --data-dir /);
      expectFailure(
        found,
        'heartbeat',
        /last renewed 3[56]\d\d s ago, and the hub takes the cluster for lost/,
        /klusterlet run/,
      );
    });
    it('of an identity that the hub has revoked', async () => {
      must(await fleet.hubCommand('clusters', 'revoke', 'edge'));
      expectFailure(await doctor(), 'hub API', /Unauthorized|revoked/, /hub token create --cluster edge/);
    });
  });
});
