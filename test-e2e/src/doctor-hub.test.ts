import { chmodSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Diagnosis, examine, expectFailure, expectWarning } from './support/doctor.js';
import { type Cluster, configMap, Fleet, must, work } from './support/fleet.js';
import { freePort } from './support/network.js';
import { eventually, ours, pause } from './support/processes.js';
import { Joiner, joinString } from './support/refusals.js';

describe('hub doctor', () => {
  const fleet = new Fleet();
  let cluster: Cluster;
  let joiner: Joiner | undefined;
  const dataDir = join(fleet.directory, 'hub');

  function doctor(more: readonly string[] = [], options: object = {}): Promise<Diagnosis> {
    return examine('hub', ['--data-dir', dataDir, '--kubeconfig', fleet.hubKubeconfig, ...more], options);
  }

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('edge');
    await fleet.join(cluster);
  });
  after(async () => {
    await joiner?.stop();
    await fleet.close();
  });

  it('finds a hub well that is', async () => {
    const { code, checks } = await doctor();
    expect(checks.filter(({ verdict }) => verdict !== 'ok')).to.deep.equal([]);
    const names = [
      ...[
        'data directory',
        'hub',
        'certificates',
        'join addresses',
        'advertised addresses',
        'clock',
        'store',
      ],
      ...['controllers', 'clusters', 'expiry', 'certificate requests', 'deletions'],
    ];
    expect([...new Set(checks.map(({ check }) => check))]).to.deep.equal(names);
    expect(code).to.equal(0);
    const table = must(await fleet.hubCommand('doctor'));
    expect(table)
      .to.match(/^ok {3}clusters: 1 cluster, all available$/m)
      .and.to.match(/ 0 failed/);
  });

  describe('says what is wrong, and the fix', () => {
    it('of keys that others may read', async () => {
      const key = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).find((name) =>
        name.endsWith('ca.key'),
      );
      const path = join(dataDir, key ?? expect.fail('there is no ca.key'));
      chmodSync(path, 0o644);
      const found = await doctor();
      chmodSync(path, 0o600);
      expectFailure(found, 'data directory', /others may read the key in \S+ca\.key/, /^chmod 600 /);
    });
    it('of a data directory that is not there', async () => {
      const found = await doctor(['--data-dir', join(fleet.directory, 'nowhere')]);
      expectFailure(found, 'data directory', /does not exist/, /hub serve --data-dir/);
    });
    it('of certificates that have expired, and a clock that is wrong', async () => {
      const found = await doctor([], { clockAheadMs: 20 * 365 * 24 * 3_600_000 });
      expectFailure(found, 'certificates', /the serving certificate expired at 20/, /start the hub anew/);
      expectFailure(found, 'certificates', /the hub's authority expired at 20/, /hub ca roll/);
      expectFailure(found, 'clock', /s ahead of that of the hub/, /NTP/);
    });
    it('of a join string with an address where nobody is', async () => {
      const nobody = `https://127.0.0.1:${await freePort()}`;
      await joinString(fleet, '--server', nobody);
      expectFailure(
        await doctor(),
        'join addresses',
        /connection refused \(TCP\)/,
        /hub token create --server/,
      );
    });
    it('of a join string with a name that is not in the certificate', async () => {
      await joinString(fleet, '--server', `https://[::ffff:127.0.0.1]:${fleet.hubPort}`);
      expectFailure(await doctor(), 'join addresses', /is for other names: /, /--advertise/);
    });
    it('of clusters that wait for approval, and their requests', async () => {
      joiner = new Joiner(fleet, cluster);
      joiner.start(await joinString(fleet), 'newcomer');
      await eventually('it asks', () => joiner?.output.includes('waiting for the hub to accept'));
      const found = await doctor();
      expectWarning(
        found,
        'clusters',
        /newcomer is not available \(WaitingForApproval\)/,
        /hub approve newcomer/,
      );
      expectWarning(
        found,
        'certificate requests',
        /newcomer-\S+ of newcomer waits for an answer/,
        /hub approve newcomer/,
      );
    });
    it('of a deletion that is stuck', async () => {
      await fleet.apply(work(cluster, 'stuck', [configMap('a', { a: '1' })]));
      await fleet.workApplied(cluster, 'stuck');
      const finalizer = '[{"op":"add","path":"/metadata/finalizers/-","value":"example.com/mine"}]';
      must(
        await fleet.kubectl('patch', 'manifestwork', 'stuck', '-n', 'edge', '--type=json', '-p', finalizer),
      );
      must(await fleet.kubectl('delete', 'manifestwork', 'stuck', '-n', 'edge', '--wait=false'));
      await pause(1500); // times of deletion are whole seconds
      expect((await doctor()).checks.find(({ check }) => check === 'deletions')?.verdict).to.equal('ok');
      const found = await doctor(['--stuck-after', '1s']);
      expectFailure(
        found,
        'deletions',
        /manifestworks edge\/stuck is being deleted .*held by .*example\.com\/mine/,
        /hub why stuck -n edge/,
      );
    });
    it('of clusters that have left', async () => {
      await cluster.klusterlet.stop();
      must(await ours('klusterlet', ['leave', '--data-dir', cluster.dataDir]));
      expectWarning(
        await doctor(),
        'clusters',
        /edge is not available \(KlusterletLeft\)/,
        /klusterlet join/,
      );
    });
    it('of a hub that is not there; what cannot be looked at then is not', async () => {
      await fleet.hub.stop();
      const found = await doctor();
      expectFailure(found, 'hub', /connection refused \(TCP\)/, /hub serve/);
      const others = found.checks.filter(({ check }) => !['hub', 'data directory'].includes(check));
      expect(others.every(({ verdict }) => verdict === 'skip')).to.equal(true);
    });
  });
});
