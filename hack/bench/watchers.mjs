// Ten thousand watchers of one resource: each its own object, as klusterlets watch theirs, then all of them everything;
// and one that does not read. Beside it what Node's own HTTP/2 does with the same bytes and nothing else.
import { spawn } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wellKnown } from '@flotilla/kube';
import { pause, stop } from '../demo/processes.mjs';
import { cpuSeconds, peakMiB, residentMiB } from './machine.mjs';
import { connect, metricsOf, startApiServer } from './parts.mjs';
import { callsPerSecond, forEachIndex, percentile } from './statistics.mjs';

const watcherCount = 10_000;
const perConnection = 800;
const updatesPerSecond = 100;
const seconds = 5;
const namespace = 'default';
const filler = 'x'.repeat(500);

export const watchers = {
  name: 'watchers',
  timeoutMs: 180_000,
  async run({ directory, record }) {
    const server = await startApiServer(directory, 'watchers');
    const client = await connect(server);
    const connections = await Promise.all(
      Array.from({ length: Math.ceil(watcherCount / perConnection) }, () => connect(server)),
    );
    const bench = { server, client, connections, record, pid: server.pid };
    await forEachIndex(watcherCount, (n) => create(client, n), { concurrency: 64 });
    await measureOwn(bench);
    await measureAll(bench);
    await measureSlow(bench);
    record('watchers.cpu', cpuSeconds(server.pid));
    record('watchers.peak', peakMiB(server.pid));
    for (const each of [client, ...connections]) await each.transport.close();
    await stop(server.entry);
    await measureRaw({ server, record });
  },
};

function create(client, n) {
  return client.create(wellKnown.configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `o${n}`, namespace },
    data: { filler, at: '0' },
  });
}

/** The time of the update stands in the object: who sees it knows how long it took. */
function update(client, n) {
  const body = { data: { at: String(performance.now()) } };
  return client.patch(wellKnown.configMaps, { namespace, name: `o${n}` }, { type: 'merge', body });
}

/** Each watcher sees its own object: a hundred deliveries a second. */
async function measureOwn({ client, connections, record, pid }) {
  const before = residentMiB(pid);
  const seen = createSightings();
  const closers = await openAll(connections, {
    client,
    seen,
    query: (n) => `&fieldSelector=metadata.name%3Do${n}`,
  });
  await pause(1000);
  record('watchers.memory', ((residentMiB(pid) - before) * 1024) / watcherCount);
  record('watchers.rss', residentMiB(pid));
  await metricsOf(client);
  const cpu = cpuSeconds(pid);
  const sent = await updateSteadily(client, { rate: updatesPerSecond, seconds });
  await seen.until(sent);
  record('watchers.own.p50', percentile(seen.times, 50));
  record('watchers.own.p99', percentile(seen.times, 99));
  record('watchers.own.cpu', ((cpuSeconds(pid) - cpu) * 1000) / seconds);
  record('watchers.own.lag', 1000 * (await metricsOf(client)).nodejs_eventloop_lag_max_seconds);
  await closers();
}

/** All watchers see every update: ten thousand deliveries each. */
async function measureAll({ client, connections, record, pid }) {
  const seen = createSightings();
  const closers = await openAll(connections, { client, seen, query: () => '' });
  await metricsOf(client);
  const cpu = cpuSeconds(pid);
  const updates = 10;
  const began = performance.now();
  for (let i = 0; i < updates; i++) {
    await update(client, i);
    await seen.until((i + 1) * watcherCount);
  }
  const took = (performance.now() - began) / 1000;
  record('watchers.all.deliveries', (updates * watcherCount) / took);
  record('watchers.all.p99', percentile(seen.times, 99));
  record('watchers.all.cpu', ((cpuSeconds(pid) - cpu) * 1e6) / (updates * watcherCount));
  record('watchers.all.lag', 1000 * (await metricsOf(client)).nodejs_eventloop_lag_max_seconds);
  await closers();
}

/** A peer that never reads, while others do: memory stays, others are served, and it is dropped. */
async function measureSlow({ server, client, record, pid }) {
  const slow = await connect(server);
  const reader = await connect(server);
  const seen = createSightings();
  const before = residentMiB(pid);
  const closers = await openAll([reader], { client, seen, query: () => '', count: 50 });
  const { metadata } = await client.list(wellKnown.configMaps, { namespace, limit: 1 });
  const from = `&resourceVersion=${metadata.resourceVersion}`;
  const { chunks } = await openWatch(slow, from, new AbortController().signal);
  const iterator = chunks[Symbol.asyncIterator]();
  void iterator; // never asked for anything: the windows fill, and stay full
  const large = 'y'.repeat(200_000);
  for (let i = 0; i < 120; i++) {
    const body = { data: { at: String(performance.now()), large: `${i}${large}` } };
    await client.patch(wellKnown.configMaps, { namespace, name: 'o0' }, { type: 'merge', body });
  }
  await seen.until(50 * 120);
  record('watchers.slow.p99', percentile(seen.times, 99));
  record('watchers.slow.memory', residentMiB(pid) - before);
  let dropped = 0;
  for (let i = 0; i < 90 && dropped === 0; i++) {
    await pause(500);
    dropped = (await metricsOf(client)).apiserver_terminated_watchers_total;
  }
  record('watchers.slow.dropped', dropped);
  await closers();
  await slow.transport.close();
  await reader.transport.close();
}

/** The same client and the same bytes, and Node's HTTP/2 alone. */
async function measureRaw({ server, record }) {
  const pki = join(server.dataDir, 'pki');
  const script = fileURLToPath(new URL('./raw-http2.mjs', import.meta.url));
  const args = [script, join(pki, 'server.crt'), join(pki, 'server.key'), '1000'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  try {
    const [port] = await once(child.stdout, 'data');
    const kubeconfig = `${server.kubeconfig}.raw`;
    const text = readFileSync(server.kubeconfig, 'utf8');
    writeFileSync(kubeconfig, text.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${Number(String(port))}`), {
      mode: 0o600,
    });
    const connections = await Promise.all(
      Array.from({ length: Math.ceil(watcherCount / perConnection) }, () => connect({ kubeconfig })),
    );
    await measureRawGets(connections[0], { record, pid: child.pid });
    await measureRawWatches(connections, { record, pid: child.pid });
    for (const { transport } of connections) await transport.close();
  } finally {
    process.off('exit', kill);
    kill();
  }
}

async function measureRawGets({ transport }, { record, pid }) {
  const get = async () => (await transport.request({ method: 'GET', path: '/one' })).bytes();
  await callsPerSecond(get, { concurrency: 64, seconds: 0.5 });
  const before = cpuSeconds(pid);
  const { calls, perSecond } = await callsPerSecond(get, { concurrency: 64, seconds: 2 });
  record('raw.get', perSecond);
  record('raw.get.cpu', ((cpuSeconds(pid) - before) * 1e6) / calls);
}

async function measureRawWatches(connections, { record, pid }) {
  const seen = createSightings();
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const readers = [];
  await forEachIndex(
    watcherCount,
    async (n) => {
      const { chunks } = await openWatch(connections[n % connections.length], '', stopping.signal);
      readers.push(follow(chunks, seen, stopping.signal));
    },
    { concurrency: 64 },
  );
  const updates = 10;
  const cpu = cpuSeconds(pid);
  const began = performance.now();
  for (let i = 0; i < updates; i++) {
    const headers = { 'x-at': String(performance.now()) };
    const response = await connections[0].transport.request({ method: 'POST', path: '/tick', headers });
    await response.bytes();
    await seen.until((i + 1) * watcherCount);
  }
  record('raw.deliveries', (updates * watcherCount * 1000) / (performance.now() - began));
  record('raw.cpu', ((cpuSeconds(pid) - cpu) * 1e6) / (updates * watcherCount));
  stopping.abort(new Error('done'));
  await Promise.all(readers);
}

function createSightings() {
  const sightings = {
    times: [],
    waiting: undefined,
    add(sentAt) {
      sightings.times.push(performance.now() - sentAt);
      if (sightings.waiting !== undefined && sightings.times.length >= sightings.waiting.count) {
        sightings.waiting.resolve();
        sightings.waiting = undefined;
      }
    },
    until(count) {
      if (sightings.times.length >= count) return Promise.resolve();
      return new Promise((resolve) => {
        sightings.waiting = { count, resolve };
      });
    },
  };
  return sightings;
}

/** Returns the way to close all. */
async function openAll(connections, { client, seen, query, count = watcherCount }) {
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const { metadata } = await client.list(wellKnown.configMaps, { namespace, limit: 1 });
  const readers = [];
  await forEachIndex(
    count,
    async (n) => {
      const connection = connections[n % connections.length];
      const text = `&resourceVersion=${metadata.resourceVersion}${query(n)}`;
      const { status, chunks } = await openWatch(connection, text, stopping.signal);
      if (status !== 200) throw new Error(`a watch was answered with ${status}`);
      readers.push(follow(chunks, seen, stopping.signal));
    },
    { concurrency: 64 },
  );
  return async () => {
    stopping.abort(new Error('done'));
    await Promise.all(readers);
  };
}

async function openWatch({ transport }, query, signal) {
  const response = await transport.request({
    method: 'GET',
    path: `/api/v1/namespaces/${namespace}/configmaps?watch=true${query}`,
    headers: { accept: 'application/json' },
    signal,
  });
  return { status: response.status, chunks: response.chunks() };
}

const mark = Buffer.from('"at":"');

/** Finds the time in each line without parsing it. A line may come in pieces. */
async function follow(chunks, seen, signal) {
  let rest = Buffer.alloc(0);
  try {
    for await (const chunk of chunks) {
      const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
      const end = bytes.lastIndexOf(0x0a) + 1;
      for (let at = bytes.indexOf(mark); at >= 0 && at < end; at = bytes.indexOf(mark, at + 1)) {
        const from = at + mark.length;
        seen.add(Number(bytes.toString('latin1', from, bytes.indexOf(0x22, from))));
      }
      rest = bytes.subarray(end);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function updateSteadily(client, { rate, seconds: duration }) {
  const began = performance.now();
  const pending = [];
  for (let sent = 0; sent < rate * duration; sent++) {
    const waitMs = began + (sent * 1000) / rate - performance.now();
    if (waitMs > 1) await pause(waitMs);
    pending.push(update(client, (sent * 97) % watcherCount));
  }
  await Promise.all(pending);
  return rate * duration;
}
