// The API server with 100,000 objects of 2 KiB: start, memory, lists, reads, and durable writes beside them.
import { join } from 'node:path';
import { wellKnown } from '@flotilla/kube';
import { pause, stop } from '../demo/processes.mjs';
import { measureEtcd } from './etcd.mjs';
import { cpuSeconds, peakMiB, residentMiB } from './machine.mjs';
import { connect, metricsOf, startApiServer } from './parts.mjs';
import { placeOf, preload } from './preload.mjs';
import { callsPerSecond, median, percentile } from './statistics.mjs';

const objectCount = 100_000;
const path = '/api/v1/configmaps';

export const scale = {
  name: 'scale',
  timeoutMs: 180_000,
  async run({ directory, record }) {
    const seconds = await preload(join(directory, 'scale'), { count: objectCount, bytes: 2048 });
    record('scale.preload', objectCount / seconds);
    const server = await startApiServer(directory, 'scale');
    record('scale.start', server.seconds);
    await pause(5000);
    record('scale.rss', residentMiB(server.pid));
    const client = await connect(server);
    const bench = { client, record, pid: server.pid };
    await metricsOf(client); // lag counts from here
    await measurePages(bench);
    await measureStream(bench);
    await measureGets(bench);
    record('scale.readLag', 1000 * (await metricsOf(client)).nodejs_eventloop_lag_max_seconds);
    await measureWrites(bench);
    record('scale.writeLag', 1000 * (await metricsOf(client)).nodejs_eventloop_lag_max_seconds);
    record('scale.rssAfter', residentMiB(server.pid));
    record('scale.peak', peakMiB(server.pid));
    record('scale.cpu', cpuSeconds(server.pid));
    await client.transport.close();
    await stop(server.entry);
    await measureEtcd({ directory: join(directory, 'etcd'), record });
    await measureIdle({ directory, record });
  },
};

/** An empty store, when nothing happens. */
async function measureIdle({ directory, record }) {
  const server = await startApiServer(directory, 'idle');
  await pause(10_000);
  const before = cpuSeconds(server.pid);
  await pause(10_000);
  record('idle.cpu', (cpuSeconds(server.pid) - before) * 100);
  record('idle.rss', residentMiB(server.pid));
  await stop(server.entry);
}

async function measurePages({ client, record }) {
  const times = [];
  const began = performance.now();
  let token;
  let count = 0;
  do {
    const pageBegan = performance.now();
    const query = `limit=500${token === undefined ? '' : `&continue=${encodeURIComponent(token)}`}`;
    const page = JSON.parse(String(await read(client, `${path}?${query}`)));
    times.push(performance.now() - pageBegan);
    count += page.items.length;
    token = page.metadata.continue;
  } while (token !== undefined && token !== '');
  if (count < objectCount) throw new Error(`the pages held ${count} objects`);
  record('scale.pages', (performance.now() - began) / 1000);
  record('scale.page', median(times));
}

async function read({ transport }, wanted) {
  const response = await transport.request({
    method: 'GET',
    path: wanted,
    headers: { accept: 'application/json' },
  });
  const bytes = await response.bytes();
  if (response.status !== 200) throw new Error(`${wanted} was answered with ${response.status}`);
  return Buffer.from(bytes);
}

/** The initial state through a watch, up to the bookmark that ends it. */
async function measureStream({ client, record }) {
  const stopping = new AbortController();
  const query =
    'watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
  const began = performance.now();
  const response = await client.transport.request({
    method: 'GET',
    path: `${path}?${query}`,
    headers: { accept: 'application/json' },
    signal: stopping.signal,
  });
  let bytes = 0;
  let tail = '';
  for await (const chunk of response.chunks()) {
    bytes += chunk.length;
    tail = tail.slice(-600) + Buffer.from(chunk.subarray(-600)).toString('latin1');
    if (tail.includes('initial-events-end')) break;
  }
  stopping.abort(new Error('done'));
  const seconds = (performance.now() - began) / 1000;
  record('scale.stream', seconds);
  record('scale.streamBytes', bytes / 2 ** 20 / seconds);
}

async function measureGets({ client, record }) {
  const get = (n) => client.get(wellKnown.configMaps, placeOf((n * 7919) % objectCount));
  for (let n = 0; n < 200; n++) await get(n);
  const times = [];
  for (let n = 0; n < 500; n++) {
    const began = performance.now();
    await get(n);
    times.push(performance.now() - began);
  }
  record('scale.get', percentile(times, 50));
  record('scale.gets', (await callsPerSecond(get, { concurrency: 64, seconds: 2 })).perSecond);
}

let writes = 0;
const writers = {
  create: (client) =>
    client.create(wellKnown.configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `new-${writes++}`, namespace: 'default' },
      data: { filler: 'x'.repeat(1600), value: '0' },
    }),
  update: async (client, n) =>
    client.update(wellKnown.configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: placeOf((n * 31) % objectCount),
      data: { filler: 'x'.repeat(1600), value: String(writes++) },
    }),
  patch: (client, n) =>
    client.patch(wellKnown.configMaps, placeOf((n * 37) % objectCount), {
      type: 'merge',
      body: { data: { value: String(writes++) } },
    }),
  apply: (client, n) => {
    const metadata = placeOf((n * 41) % objectCount);
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value: String(writes++) } };
    const options = { type: 'apply', body, force: true, fieldManager: 'bench' };
    return client.patch(wellKnown.configMaps, metadata, options);
  },
};

async function measureWrites({ client, record, pid }) {
  for (const [name, write] of Object.entries(writers)) {
    for (const concurrency of [1, 16, 128]) {
      const before = cpuSeconds(pid);
      const { perSecond, calls } = await callsPerSecond((n) => write(client, n), {
        concurrency,
        seconds: 1.5,
      });
      record(`scale.${name}.${concurrency}`, perSecond);
      if (concurrency === 128) record(`scale.${name}.cpu`, ((cpuSeconds(pid) - before) * 1e6) / calls);
    }
  }
}
