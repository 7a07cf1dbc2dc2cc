/**
 * Hub and managed cluster on two hosts (network namespaces) with a bad network between them, while users write: cut,
 * deaf or dumb, slow and lossy, narrow, and with connections that are dead though nobody said so. After each, or still
 * in it, everything that is promised holds. Skipped where the machine does not allow namespaces. A link that is cut with
 * resets: `partition.test.ts`; days of it, on a virtual clock: `npm run sim`.
 */
import { randomInt } from 'node:crypto';
import { hasReason } from '@flotilla/api';
import { type KubeClient, wellKnown } from '@flotilla/kube';
import { createSeededRandom } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { type Cluster, configMap, Fleet, work } from '../support/fleet.js';
import { eventually, pause } from '../support/processes.js';
import { Claims } from './claims.js';
import { checkConverged, connect, createForeign, shortEviction } from './fleet-under-faults.js';
import type { Direction, Weather } from './packet-relay.js';
import { TwoHosts } from './two-hosts.js';
import { WorkLoad } from './work-load.js';

const seed = Number(process.env['FAULT_SEED'] ?? randomInt(2 ** 31));
/** How long the network is bad while users write. */
const badMs = Number(process.env['FAULT_NETWORK_SECONDS'] ?? 2) * 1000;
const namespace = 'cluster1';

describe(`a hub and a cluster with a bad network between them (FAULT_SEED=${seed})`, function () {
  this.timeout(300_000);
  const random = createSeededRandom(seed);
  const fleet = new Fleet();
  const hosts = new TwoHosts(random);
  let cluster: Cluster;
  let hubClient: KubeClient;
  let clusterClient: KubeClient;
  let foreign: Awaited<ReturnType<typeof createForeign>>;
  let claims: Claims | undefined;
  let load: WorkLoad;

  before(async function () {
    try {
      await hosts.open();
    } catch (error) {
      const [why] = String(error instanceof Error ? error.message : error).split('\n');
      process.stdout.write(`      skipped: this machine does not allow network namespaces (${why})\n`);
      this.skip();
    }
    const at = (host: 'hub' | 'edge', port: number): string[] => [
      ...['--listen', `0.0.0.0:${port}`, '--advertise', `https://${hosts.address(host)}:${port}`],
    ];
    await fleet.startHub(at('hub', 6443), hosts.launcher('hub'));
    cluster = await fleet.startCluster(namespace, {
      flags: at('edge', 6444),
      klusterletFlags: shortEviction,
      launcher: hosts.launcher('edge'),
    });
    await fleet.join(cluster, cluster.kubeconfig, `https://${hosts.wanAddress('hub')}:6443`);
    hubClient = await connect(fleet.hubKubeconfig);
    clusterClient = await connect(cluster.kubeconfig);
    foreign = await createForeign(clusterClient);
    claims = new Claims({ hub: hubClient, cluster: clusterClient, namespace });
    load = new WorkLoad({ client: hubClient, namespace, random, pauseMs: 50 });
  });
  afterEach(() => hosts.relay.set({}));
  after(async () => {
    await hubClient?.transport.close();
    await clusterClient?.transport.close();
    await fleet.close();
    await hosts.close();
  });

  /** Users write for some time, then everything has to come to rest. */
  async function writeAndRest(options: { readonly isBadToTheEnd?: boolean } = {}): Promise<void> {
    load.start();
    await pause(badMs);
    if (options.isBadToTheEnd !== true) hosts.relay.set({});
    await load.stop();
    await checkConverged({ hub: hubClient, cluster: clusterClient, namespace, load, foreign }, 240_000);
  }

  /** The one way that there is leads through the relay. */
  it('has nothing but the relay between its hosts', async () => {
    const before = hosts.relay.carried;
    await writeAndRest();
    expect(hosts.relay.carried).to.be.greaterThan(before);
  });

  const cuts: readonly [string, Partial<Record<Direction, Weather>>][] = [
    ['nothing passes', { toHub: { isCut: true }, toEdge: { isCut: true } }],
    ['the hub hears nothing', { toHub: { isCut: true } }],
    ['the cluster hears nothing', { toEdge: { isCut: true } }],
  ];
  for (const [what, weather] of cuts) {
    it(`converges after a time in which ${what}`, async () => {
      hosts.relay.set(weather);
      const { dropped } = hosts.relay;
      await writeAndRest();
      expect(hosts.relay.dropped).to.be.greaterThan(dropped);
    });
  }

  it('corrects drift while nothing passes', async () => {
    await fleet.apply(work(cluster, 'kept', [configMap('kept', { content: '1' })]));
    await fleet.workApplied(cluster, 'kept');
    hosts.relay.set({ toHub: { isCut: true }, toEdge: { isCut: true } });
    const key = { namespace: 'default', name: 'kept' };
    await clusterClient.delete(wellKnown.configMaps, key);
    await eventually('what was deleted is back', () => clusterClient.get(wellKnown.configMaps, key));
    await hubClient.delete(wellKnown.manifestWorks, { namespace, name: 'kept' });
    await pause(500);
    expect((await clusterClient.get(wellKnown.configMaps, key)).metadata.deletionTimestamp).to.equal(
      undefined,
    );
    hosts.relay.set({});
    await eventually(
      'the hub is heard',
      async () => {
        try {
          await clusterClient.get(wellKnown.configMaps, key);
          return false;
        } catch (error) {
          return hasReason(error, 'NotFound');
        }
      },
      { timeoutMs: 120_000 },
    );
  });

  it('converges over a network with 200 ms of delay and 10 % of loss', async () => {
    const slow = { delayMs: 200, lossPercent: 10 };
    hosts.relay.set({ toHub: slow, toEdge: slow });
    await writeAndRest({ isBadToTheEnd: true });
  });

  it('converges over 64 KiB a second', async () => {
    const narrow = { bytesPerSecond: 64 * 1024 };
    hosts.relay.set({ toHub: narrow, toEdge: narrow });
    await writeAndRest({ isBadToTheEnd: true });
  });

  it('finds out that its connections are dead though nobody said so', async () => {
    expect(hosts.relay.forgetConnections()).to.be.greaterThan(0);
    await writeAndRest();
  });

  it('has never claimed what was not so', async () => {
    expect(await claims?.end()).to.deep.equal([]);
    expect(claims?.count).to.be.greaterThan(10);
  });
});
