/**
 * kill -9 in the middle of a write storm, again and again on the same data: what was acknowledged is there, nothing is
 * torn, resourceVersions never go back, and a watch that goes on from where it was sees each event once and in order.
 * 15 kills; CRASH_RUNS=100 for more. CRASH_SEED=N repeats the storm's choices, though not the instants of a kill.
 */
import { randomInt } from 'node:crypto';
import { createClient, type KubeClient, wellKnown } from '@flotilla/kube';
import { createNodeEnv, transportFromKubeconfig } from '@flotilla/kube/node';
import { createSeededRandom } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { checkStorm } from './support/check-storm.js';
import { eventually, pause } from './support/processes.js';
import { TestServer } from './support/server.js';
import {
  type ConfigMap,
  namespace,
  revisionOf,
  StormWatch,
  sharedName,
  WriteStorm,
} from './support/write-storm.js';

const runs = Number(process.env['CRASH_RUNS'] ?? 15);
const seed = Number(process.env['CRASH_SEED'] ?? randomInt(2 ** 31));
/** Longest storm; the shortest ends before the first write is acknowledged. */
const stormMs = 500;
const markerName = 'marker';

describe('an API server under kill -9', () => {
  const server = new TestServer();
  after(() => server.stop());

  it(`keeps each acknowledged write over ${runs} kills (CRASH_SEED=${seed})`, async function () {
    this.timeout(60_000 + runs * 10_000);
    const random = createSeededRandom(seed);
    const storm = new WriteStorm(random);
    await server.start();
    let client = await connect(server);
    await client.create(wellKnown.configMaps, configMap(sharedName));
    const begin = await listAll(client);
    const watch = new StormWatch(String(begin.revision));
    let newest = begin.revision;
    remember(storm, begin.items);
    for (let run = 0; run < runs; run++) {
      watch.follow(client);
      const raging = storm.rage(client);
      await pause(random.next() * stormMs);
      await server.end('SIGKILL');
      await raging;
      await watch.ended();
      await client.transport.close();
      if (random.next() < 0.2) {
        // Once more while it starts.
        server.launch();
        await pause(random.next() * 400);
        await server.end('SIGKILL');
      }
      server.launch();
      await server.ready();
      client = await connect(server);
      const { items, revision } = await listAll(client);
      expect(revision >= newest, `run ${run}: the list is at ${revision} after ${newest}`).to.equal(true);
      newest = revision;
      newest = await catchUp(client, watch, { run, newest });
      checkStorm({ storm, items, events: watch.events.splice(0), title: `run ${run}, seed ${seed}` });
      remember(storm, items);
    }
    await client.transport.close();
    expect(storm.acknowledged).to.be.greaterThan(runs * 10);
    process.stdout.write(`      ${storm.acknowledged} writes acknowledged, ${runs} kills\n`);
  });
});

async function connect(server: TestServer): Promise<KubeClient> {
  const env = createNodeEnv({ logLevel: 'error' });
  const { transport } = await transportFromKubeconfig({ file: server.kubeconfig }, { env });
  return createClient(transport, { userAgent: 'crash-test' });
}

function configMap(name: string): ConfigMap {
  // The text and its sum, as the storm writes them.
  const sum = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace },
    data: { text: '', sum },
  };
}

async function listAll(client: KubeClient): Promise<{ items: readonly ConfigMap[]; revision: bigint }> {
  const { items, metadata } = await client.list<ConfigMap>(wellKnown.configMaps, { namespace });
  const own = items.filter(
    ({ data, metadata: { name } }) => data?.['sum'] !== undefined && name?.startsWith(markerName) !== true,
  );
  return { items: own, revision: BigInt(metadata.resourceVersion ?? '0') };
}

function remember(storm: WriteStorm, items: readonly ConfigMap[]): void {
  storm.truth.clear();
  for (const item of items) storm.truth.set(item.metadata.name ?? '', item);
}

/** Makes one more event, and waits until the watch has gone on from its last event to this one. */
async function catchUp(
  client: KubeClient,
  watch: StormWatch,
  { run, newest }: { run: number; newest: bigint },
): Promise<bigint> {
  const marker = await client.create<ConfigMap>(wellKnown.configMaps, configMap(`${markerName}-${run}`));
  const revision = revisionOf(marker);
  expect(revision > newest, `run ${run}: a write got ${revision} after ${newest} was seen`).to.equal(true);
  watch.follow(client);
  await eventually('the watch sees the marker', () => watch.events.at(-1)?.revision === revision);
  watch.events.pop();
  await watch.ended();
  return revision;
}
