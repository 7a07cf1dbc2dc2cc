// The processes under measurement, started as a user starts them, and the clients that ask them.
import { mkdirSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { join } from 'node:path';
import { createClient, wellKnown } from '@flotilla/kube';
import { createNodeEnv, transportFromKubeconfig } from '@flotilla/kube/node';
import { freePort, ours, start, until } from '../demo/processes.mjs';

export const env = createNodeEnv({ logLevel: 'error' });
const started = [];
let profileDirectory;

/** From now on each process that stays writes a CPU profile there when it ends, for Chrome's or VS Code's viewer. */
export function profileInto(directory) {
  profileDirectory = directory;
}

function startProfiled(name, command, { args, directory }) {
  const nodeArgs =
    profileDirectory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profileDirectory, name)}`];
  const entry = start(name, command, args, { logDir: join(directory, 'logs'), nodeArgs });
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

/** Calls `onEvent` for each event of a collection from now on; returns the way to stop. */
export async function follow(client, ref, { onEvent, ...options }) {
  const { metadata } = await client.list(ref, { ...options, limit: 1 });
  const stop = new AbortController();
  const ended = (async () => {
    try {
      const { resourceVersion } = metadata;
      for await (const event of client.watch(ref, { ...options, resourceVersion, signal: stop.signal })) {
        if (event.type !== 'BOOKMARK') onEvent(event);
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  })();
  return async () => {
    stop.abort(new Error('done'));
    await ended;
  };
}

/** One hub, one stand-in cluster, one klusterlet that has joined. */
export async function startFleet(directory) {
  const hub = await startHub(directory);
  const cluster = await startApiServer(directory, 'cluster1');
  const client = await connect(hub);
  const token = must('hub', ['token', 'create', '--kubeconfig', hub.kubeconfig]).trim();
  const dataDir = join(directory, 'klusterlet');
  const args = [
    'join',
    token,
    '--name',
    'cluster1',
    '--kubeconfig',
    cluster.kubeconfig,
    '--data-dir',
    dataDir,
  ];
  const klusterlet = startProfiled('klusterlet', 'klusterlet', { args, directory });
  const watching = [hub.entry, cluster.entry, klusterlet];
  await until(
    'The certificate request',
    async () => {
      const { items } = await client.list(wellKnown.certificateSigningRequests);
      return { done: items.length > 0 };
    },
    { watching },
  );
  must('hub', ['approve', 'cluster1', '--kubeconfig', hub.kubeconfig]);
  await until(
    'The join',
    async () => {
      const { items } = await client.list(wellKnown.managedClusters);
      return { done: isTrue(items[0], 'ManagedClusterConditionAvailable') };
    },
    { watching },
  );
  return { hub, cluster, client, clusterClient: await connect(cluster), klusterlet, dataDir, directory };
}

export function isTrue(object, type) {
  return object?.status?.conditions?.some((one) => one.type === type && one.status === 'True') === true;
}
