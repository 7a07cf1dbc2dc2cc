// The processes under measurement, started as a user starts them, and the clients that ask them.
import { mkdirSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { basename, join } from 'node:path';
import { createClient, wellKnown } from '@flotilla/kube';
import { createNodeEnv, transportFromKubeconfig } from '@flotilla/kube/node';
import { freePort, ours, pause, start, stop, until } from '../demo/processes.mjs';
import { deleteWorks, ensureNamespace, marked } from './foreign.mjs';
import { profiling } from './profiles.mjs';

export const env = createNodeEnv({ logLevel: 'error' });
const started = [];
let look = { nodeArgs: () => [], beforeStop: () => undefined };

/** Each process that is started from now on leaves what these directories are for (`profiles.mjs`). */
export function lookInto(directories) {
  look = profiling(directories);
}

function startProfiled(name, command, { args, directory }) {
  const nodeArgs = look.nodeArgs(name);
  const entry = start(name, command, args, { logDir: join(directory, 'logs'), nodeArgs });
  entry.beforeStop = () => look.beforeStop(name, entry);
  started.push(entry);
  return entry;
}

// However the benchmark ends, nothing that it started stays.
process.on('exit', () => {
  for (const { exited, child } of started) if (exited === undefined) child.kill('SIGKILL');
});

/** Starts a server and waits until it says that it is ready; `seconds` is the time from the one to the other. */
export async function startServer(name, { command, args, directory }) {
  mkdirSync(directory, { recursive: true });
  const port = await freePort(0);
  const kubeconfig = join(directory, `${name}.kubeconfig`);
  const dataDir = join(directory, name);
  const began = performance.now();
  const where = ['--data-dir', dataDir, '--listen', `127.0.0.1:${port}`, '--kubeconfig', kubeconfig];
  const entry = startProfiled(name, command, { args: [...args, ...where], directory });
  const url = `https://127.0.0.1:${port}`;
  await untilReady(url, entry);
  return {
    entry,
    pid: entry.child.pid,
    url,
    kubeconfig,
    dataDir,
    seconds: (performance.now() - began) / 1000,
  };
}

export function startHub(directory, name = 'hub') {
  return startServer(name, { command: 'hub', args: ['serve'], directory });
}

export function startApiServer(directory, name = 'apiserver') {
  return startServer(name, { command: 'apiserver', args: ['--profile', 'cluster'], directory });
}

async function untilReady(url, entry) {
  // No certificate of ours is known yet, and only an "ok" is asked for.
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  try {
    await until(entry.name, async () => ({ done: (await statusOf(`${url}/readyz`, agent)) === 200 }), {
      watching: [entry],
      stepMs: 4,
    });
  } finally {
    agent.destroy();
  }
}

function statusOf(url, agent) {
  return new Promise((resolve) => {
    get(url, { agent }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode));
    }).once('error', () => resolve(undefined)); // not listening yet
  });
}

/** A client with a connection of its own. */
export async function connect({ kubeconfig }) {
  const { transport } = await transportFromKubeconfig({ file: kubeconfig }, { env });
  return createClient(transport, { userAgent: 'bench' });
}

/** The server's figures without labels, by name. Lag of the event loop is since the last time. */
export async function metricsOf(client) {
  const text = await client.getText('/metrics');
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const match = /^(\w+) (\S+)$/.exec(line);
      return match === null ? [] : [[match[1], Number(match[2])]];
    }),
  );
}

/** A command that must succeed; its output. */
export function must(command, args) {
  const { ok, stdout, stderr } = ours(command, args);
  if (!ok) throw new Error(`${command} ${args.join(' ')}: ${stderr || stdout}`);
  return stdout;
}

/**
 * Calls `onEvent` for each event of a collection from now on; returns the way to stop. A watch that the server ends, as
 * each does after some minutes, is taken up where it was.
 */
export async function follow(client, ref, { onEvent, ...options }) {
  const { metadata } = await client.list(ref, { ...options, limit: 1 });
  const stop = new AbortController();
  const ended = (async () => {
    try {
      let { resourceVersion } = metadata;
      while (!stop.signal.aborted) {
        for await (const event of client.watch(ref, { ...options, resourceVersion, signal: stop.signal })) {
          resourceVersion = event.object.metadata.resourceVersion;
          if (event.type !== 'BOOKMARK') onEvent(event);
        }
        await pause(10); // a server that ends each at once is not asked without a rest
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  })();
  ended.catch(() => undefined); // it is told of when it is stopped, also when nobody stops it
  return async () => {
    stop.abort(new Error('done'));
    await ended;
  };
}

/**
 * One cluster with its agent on one hub. By default all three are ours and started here: hub, stand-in cluster, a
 * klusterlet that joins. With a `target` the hub, or hub, cluster and agent, are there already.
 */
export async function startFleet(directory, target = { agent: 'own' }) {
  const mark = target.hubKubeconfig === undefined ? { prefix: '' } : marked(basename(directory));
  if (target.agent === 'external') return externalFleet(target, mark);
  const hub =
    target.hubKubeconfig === undefined
      ? await startHub(directory)
      : { kubeconfig: target.hubKubeconfig, pid: target.pids.hub };
  const cluster = await startApiServer(directory, 'cluster1');
  // A hub that goes on remembers the key of each cluster that was there: each run has a name of its own.
  const namespace = [target.cluster ?? 'cluster1', ...Object.values(mark.labels ?? {})].join('-');
  const dataDir = join(directory, 'klusterlet');
  const { client, klusterlet } = await joinFleet({ hub, cluster, namespace, dataDir, directory });
  return fleetOf({
    ...{ client, clusterClient: await connect(cluster), namespace, ...mark },
    ...{ hub, cluster, klusterlet, dataDir, directory },
    processes: { hub: [hub.pid].flat(), klusterlet: [klusterlet.child.pid], cluster: [cluster.pid] },
    isForeign: target.hubKubeconfig !== undefined,
  });
}

/** Hub, cluster and agent are somebody else's: only clients. */
async function externalFleet({ hubKubeconfig, managedKubeconfig, cluster, pids }, mark) {
  const client = await connect({ kubeconfig: hubKubeconfig });
  const clusterClient = await connect({ kubeconfig: managedKubeconfig });
  await ensureNamespace(client, cluster);
  return fleetOf({ client, clusterClient, namespace: cluster, ...mark, processes: pids, isForeign: true });
}

function fleetOf(fleet) {
  return {
    ...fleet,
    /** Leaves nothing on a hub that goes on. What was started here is stopped by who started it. */
    close: async () => {
      try {
        if (fleet.isForeign) await deleteWorks(fleet.client, fleet);
        if (fleet.isForeign && fleet.klusterlet !== undefined) await leaveHub(fleet);
      } finally {
        await fleet.client.transport.close();
        await fleet.clusterClient.transport.close();
      }
    },
  };
}

async function leaveHub({ client, klusterlet, namespace }) {
  await stop(klusterlet);
  await client.delete(wellKnown.managedClusters, { name: namespace });
  await until('The removal of the cluster', async () => {
    const { items } = await client.list(wellKnown.managedClusters);
    return { done: !items.some(({ metadata }) => metadata.name === namespace) };
  });
}

async function joinFleet({ hub, cluster, namespace, dataDir, directory }) {
  const client = await connect(hub);
  const token = must('hub', ['token', 'create', '--kubeconfig', hub.kubeconfig]).trim();
  const where = ['--kubeconfig', cluster.kubeconfig, '--data-dir', dataDir];
  const args = ['join', token, '--name', namespace, ...where];
  const klusterlet = startProfiled('klusterlet', 'klusterlet', { args, directory });
  const watching = [hub.entry, cluster.entry, klusterlet].filter((entry) => entry !== undefined);
  await until(
    'The certificate request',
    async () => {
      const labelSelector = `open-cluster-management.io/cluster-name=${namespace}`;
      const { items } = await client.list(wellKnown.certificateSigningRequests, { labelSelector });
      return { done: items.length > 0 };
    },
    { watching },
  );
  must('hub', ['approve', namespace, '--kubeconfig', hub.kubeconfig]);
  await until(
    'The join',
    async () => {
      const joined = await client.get(wellKnown.managedClusters, { name: namespace });
      return { done: isTrue(joined, 'ManagedClusterConditionAvailable') };
    },
    { watching },
  );
  return { client, klusterlet };
}

export function isTrue(object, type) {
  return object?.status?.conditions?.some((one) => one.type === type && one.status === 'True') === true;
}
