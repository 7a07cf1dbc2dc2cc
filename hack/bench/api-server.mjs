// The API server by itself: reads, durable writes, lists, and one change told to a thousand watchers.
import { setMaxListeners } from 'node:events';
import { wellKnown } from '@flotilla/kube';
import { pause, stop } from '../demo/processes.mjs';
import { cpuSeconds, peakMiB, residentMiB } from './machine.mjs';
import { connect, startApiServer } from './parts.mjs';
import { callsPerSecond, forEachIndex, median, percentile } from './statistics.mjs';

const namespace = 'default';
const objectCount = 1000;
const watcherCount = 1000;
const load = { concurrency: 64, seconds: 2 };
const filler = 'x'.repeat(900);

export const apiServer = {
  name: 'server',
  async run({ directory, record }) {
    const server = await startApiServer(directory, 'server');
    const client = await connect(server);
    const bench = { client, record, pid: server.pid };
    await createObject(bench, 0);
    await measureWatchers(bench, await connect(server));
    await createObjects(bench);
    await measureGets(bench);
    await measurePatches(bench);
    await measureLists(bench);
    record('server.cpu', cpuSeconds(server.pid));
    record('server.peak', peakMiB(server.pid));
    await client.transport.close();
    await stop(server.entry);
  },
};

function createObject({ client }, n) {
  return client.create(wellKnown.configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: nameOf(n), namespace },
    data: { filler, value: '0' },
  });
}

async function createObjects(bench) {
  const { record } = bench;
  const began = performance.now();
  await forEachIndex(objectCount - 1, (i) => createObject(bench, i + 1), load);
  record('server.create', ((objectCount - 1) * 1000) / (performance.now() - began));
}

async function measureGets({ client, record, pid }) {
  const get = (n) => client.get(wellKnown.configMaps, { namespace, name: nameOf(n) });
  await callsPerSecond(get, { ...load, seconds: 0.5 });
  const before = cpuSeconds(pid);
  const { calls, perSecond } = await callsPerSecond(get, load);
  record('server.get', perSecond);
  record('server.get.cpu', ((cpuSeconds(pid) - before) * 1e6) / calls);
}

async function measurePatches({ client, record, pid }) {
  const patch = (n) => patchValue(client, n);
  await callsPerSecond(patch, { ...load, seconds: 0.5 });
  const before = cpuSeconds(pid);
  const { calls, perSecond } = await callsPerSecond(patch, load);
  record('server.patch', perSecond);
  record('server.patch.cpu', ((cpuSeconds(pid) - before) * 1e6) / calls);
  record('server.patch.alone', median(await timesOf(100, patch)));
}

async function measureLists({ client, record }) {
  const times = await timesOf(15, () => client.list(wellKnown.configMaps, { namespace }));
  record('server.list', median(times.slice(5)));
}

async function measureWatchers({ client, record, pid }, watching) {
  const before = residentMiB(pid);
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal); // every watch listens
  const { metadata } = await client.list(wellKnown.configMaps, { namespace, limit: 1 });
  const query = `watch=true&resourceVersion=${metadata.resourceVersion}`;
  const watchers = [];
  let sentAt = 0;
  let waiting = 0;
  let allSeen = () => undefined;
  const times = [];
  const seen = () => {
    times.push(performance.now() - sentAt);
    if (--waiting === 0) allSeen();
  };
  await forEachIndex(
    watcherCount,
    async () => {
      const { status, chunks } = await openWatch(watching, { query, signal: stopping.signal });
      if (status !== 200) throw new Error(`a watch was answered with ${status}`);
      watchers.push(countLines(chunks, seen, stopping.signal));
    },
    { concurrency: 50 },
  );
  await pause(500);
  record('server.watch.memory', ((residentMiB(pid) - before) * 1024) / watcherCount);
  for (let i = 0; i < 15; i++) {
    waiting = watcherCount;
    const done = new Promise((resolve) => {
      allSeen = resolve;
    });
    sentAt = performance.now();
    await patchValue(client, 0);
    await done;
    if (i === 4) times.length = 0; // the first five warm up
    await pause(20);
  }
  record('server.watch.p50', percentile(times, 50));
  record('server.watch.p99', percentile(times, 99));
  stopping.abort(new Error('done'));
  await Promise.all(watchers);
  await watching.transport.close();
}

async function openWatch({ transport }, { query, signal }) {
  const response = await transport.request({
    method: 'GET',
    path: `/api/v1/namespaces/${namespace}/configmaps?${query}`,
    headers: { accept: 'application/json' },
    signal,
  });
  return { status: response.status, chunks: response.chunks() };
}

/** Events are told by their line ends only: parsing each a thousand times would measure this process. */
async function countLines(chunks, onLine, signal) {
  try {
    for await (const chunk of chunks) {
      if (chunk.at(-1) === 10) onLine();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

let patches = 0;

/** Never the same value twice: a patch that changes nothing is not written. */
function patchValue(client, n) {
  return client.patch(
    wellKnown.configMaps,
    { namespace, name: nameOf(n) },
    { type: 'merge', body: { data: { value: `${n} ${patches++}` } } },
  );
}

async function timesOf(count, fn) {
  const times = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    await fn(i + 1);
    times.push(performance.now() - began);
  }
  return times;
}

function nameOf(n) {
  return `object-${n % objectCount}`;
}
