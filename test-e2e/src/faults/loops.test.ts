/**
 * kill -9 and SIGSTOP of hub and klusterlet, again and again, while users create, edit and delete works; then everything
 * that is promised holds. 10 faults; FAULT_RUNS=100 for more, FAULT_SEED=N for the same choices, though not the same
 * instants. Kills of an API server alone, with each write compared: `crash.test.ts`; single faults one after the other:
 * `partition.test.ts`; a hub restored from a backup: `backup.test.ts` and `twelve-points/restored-hub.test.ts`.
 */
import { randomInt } from 'node:crypto';
import { type KubeClient, wellKnown } from '@flotilla/kube';
import { createSeededRandom } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { type Cluster, configMap, Fleet, work } from '../support/fleet.js';
import { type Daemon, eventually, pause } from '../support/processes.js';
import { Claims } from './claims.js';
import { checkConverged, connect, createForeign, shortEviction } from './fleet-under-faults.js';
import { WorkLoad } from './work-load.js';

const runs = Number(process.env['FAULT_RUNS'] ?? 10);
const seed = Number(process.env['FAULT_SEED'] ?? randomInt(2 ** 31));

describe('a hub and a klusterlet that are killed and held in a loop, under load', () => {
  const fleet = new Fleet();
  let cluster: Cluster;
  let hubClient: KubeClient;
  let clusterClient: KubeClient;
  const random = createSeededRandom(seed);

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('cluster1', { klusterletFlags: shortEviction });
    await fleet.join(cluster);
    hubClient = await connect(fleet.hubKubeconfig);
    clusterClient = await connect(cluster.kubeconfig);
  });
  after(async () => {
    await hubClient?.transport.close();
    await clusterClient?.transport.close();
    await fleet.close();
  });

  /** Also while it starts, now and then. */
  async function kill(daemon: Daemon, start: () => void): Promise<void> {
    await daemon.stop('SIGKILL');
    await pause(random.next() * 500);
    start();
    if (random.next() < 0.3) {
      await pause(random.next() * 500);
      await daemon.stop('SIGKILL');
      start();
    }
  }

  async function hold(daemon: Daemon): Promise<void> {
    process.kill(daemon.pid, 'SIGSTOP');
    await pause(200 + random.next() * 1300);
    process.kill(daemon.pid, 'SIGCONT');
  }

  it(`keeps its promises over ${runs} faults (FAULT_SEED=${seed})`, async function () {
    this.timeout(240_000 + runs * 15_000);
    const foreign = await createForeign(clusterClient);
    const claims = new Claims({ hub: hubClient, cluster: clusterClient, namespace: 'cluster1' });
    const load = new WorkLoad({ client: hubClient, namespace: 'cluster1', random });
    load.start();
    const { klusterlet } = cluster;
    const faults: readonly (() => Promise<void>)[] = [
      () => kill(fleet.hub, () => fleet.hub.start()),
      () => kill(klusterlet, () => klusterlet.start()),
      () => hold(fleet.hub),
      () => hold(klusterlet),
      // Both at once, as when the power goes.
      () => Promise.all([faults[0]?.(), faults[1]?.()]).then(() => undefined),
    ];
    for (let run = 0; run < runs; run++) {
      await pause(200 + random.next() * 800);
      // Each kind comes in every five.
      await faults[run % faults.length]?.();
      expect(klusterlet.isRunning, klusterlet.output).to.equal(true);
      expect(fleet.hub.isRunning, fleet.hub.output).to.equal(true);
    }
    await fleet.hubReady();
    await pause(500);
    await load.stop();
    await checkConverged({ hub: hubClient, cluster: clusterClient, namespace: 'cluster1', load, foreign });
    expect(await claims.end(), 'claims that were not so').to.deep.equal([]);
    expect(load.acknowledged).to.be.greaterThan(runs);
    process.stdout.write(
      `      ${load.acknowledged} writes acknowledged, ${load.lost} answers lost, ${claims.count} claims checked\n`,
    );
  });

  it('holds its cluster while the hub is held, and while it is gone', async () => {
    await fleet.apply(work(cluster, 'kept', [configMap('kept', { v: '1' })]));
    await fleet.workApplied(cluster, 'kept');
    const key = { namespace: 'default', name: 'kept' };
    const drifts = async (): Promise<void> => {
      const { metadata } = await clusterClient.get(wellKnown.configMaps, key);
      await clusterClient.delete(wellKnown.configMaps, key);
      await eventually('what was deleted is back', async () => {
        const now = await clusterClient.get(wellKnown.configMaps, key);
        return now.metadata.uid !== metadata.uid;
      });
    };
    process.kill(fleet.hub.pid, 'SIGSTOP');
    await drifts();
    await fleet.hub.stop('SIGKILL');
    await drifts();
    await cluster.klusterlet.stop('SIGKILL');
    cluster.klusterlet.start();
    await drifts();
    fleet.hub.start();
    await fleet.hubReady();
    await fleet.workApplied(cluster, 'kept');
  });
});
