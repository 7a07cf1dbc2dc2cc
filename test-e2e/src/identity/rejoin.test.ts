/**
 * A cluster that was forgotten on the hub joins again under its name: with the directory it had, whose certificate is
 * void or without rights by then, or with a new one. Each time as a user would: a token, the join, the approval.
 */
import { rmSync } from 'node:fs';
import { expect } from 'chai';
import { type Cluster, configMap, Fleet, must, work } from '../support/fleet.js';
import { eventually, ours } from '../support/processes.js';

describe('joining again under the same name', () => {
  const fleet = new Fleet();
  let cluster: Cluster;
  let round = 0;

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('again');
    await fleet.join(cluster);
  });
  after(() => fleet.close());

  const gone = (): Promise<unknown> =>
    eventually('the cluster is gone', async () => {
      const { code, stderr } = await fleet.kubectl('get', 'managedcluster', 'again');
      return code !== 0 && stderr.includes('NotFound');
    });

  const removals: Readonly<Record<string, () => Promise<unknown>>> = {
    'hub clusters remove': async () => must(await fleet.hubCommand('clusters', 'remove', 'again', '--yes')),
    'kubectl delete managedcluster': async () =>
      must(await fleet.kubectl('delete', 'managedcluster', 'again', '--wait=false')),
  };

  async function joinAgain(...bind: string[]): Promise<void> {
    const token = must(await fleet.hubCommand('token', 'create', ...bind)).trim();
    cluster.klusterlet.start([
      ...['join', token, '--name', 'again', '--kubeconfig', cluster.kubeconfig],
      ...['--data-dir', cluster.dataDir],
    ]);
    const approved = await fleet.hubCommand('approve', 'again', '--wait', '20s');
    expect(approved.code, approved.stderr + cluster.klusterlet.output).to.equal(0);
    await fleet.available(cluster);
    round++;
    await fleet.apply(work(cluster, 'held', [configMap('held', { v: String(round) })]));
    await fleet.workApplied(cluster, 'held');
  }

  for (const [how, remove] of Object.entries(removals)) {
    it(`after ${how}, with a new data directory`, async () => {
      await remove();
      await gone();
      await cluster.klusterlet.stop();
      rmSync(cluster.dataDir, { recursive: true });
      await joinAgain();
    });

    it(`after ${how}, with the data directory that it had`, async () => {
      await remove();
      await gone();
      const told = await eventually('the klusterlet says what to do', async () => {
        const { stdout } = await ours('klusterlet', ['status', '--data-dir', cluster.dataDir]);
        return stdout.includes('hub token create') && stdout;
      });
      expect(told).to.match(/does not show the cluster again|revoked the certificates of this cluster/);
      await cluster.klusterlet.stop();
      await joinAgain('--cluster', 'again');
    });

    it(`after ${how} while the klusterlet was stopped, with the data directory that it had`, async () => {
      must(await fleet.kubectl('delete', 'manifestwork', 'held', '-n', 'again'));
      await cluster.klusterlet.stop();
      await remove();
      await gone();
      await joinAgain();
    });
  }
});
