// What one cluster costs and how fast a work comes and its status goes: a hub, a stand-in cluster, a klusterlet.
import { wellKnown } from '@flotilla/kube';
import { pause } from '../demo/processes.mjs';
import { cpuSeconds, residentMiB } from './machine.mjs';
import { follow, isTrue, must } from './parts.mjs';
import { forEachIndex, median, percentile } from './statistics.mjs';

export const namespace = 'cluster1';
const oneWorkCount = 200;
const manyWorksCount = 1000;

function workOf(name) {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name, namespace },
    spec: {
      workload: {
        manifests: [
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name, namespace: 'default' },
            data: { text: 'a line of configuration, as long as such lines are' },
          },
        ],
      },
    },
  };
}

export const klusterletMemory = {
  name: 'klusterlet',
  async run({ fleet, record }) {
    const { client, hub, klusterlet } = await fleet();
    await createAndSettle(client, { prefix: 'idle', count: 10 });
    await pause(3000);
    const { pid } = klusterlet.child;
    record('klusterlet.rss3', residentMiB(pid));
    const before = { own: cpuSeconds(pid), hub: cpuSeconds(hub.pid) };
    await pause(7000);
    record('klusterlet.rss10', residentMiB(pid));
    record('klusterlet.cpu', ((cpuSeconds(pid) - before.own) * 1000) / 7);
    record('klusterlet.hubCpu', ((cpuSeconds(hub.pid) - before.hub) * 1000) / 7);
  },
};

export const commands = {
  name: 'commands',
  async run({ fleet, record }) {
    const { hub, dataDir } = await fleet();
    const cases = {
      'commands.clusters': ['hub', ['clusters', '--kubeconfig', hub.kubeconfig]],
      'commands.token': ['hub', ['token', 'create', '--kubeconfig', hub.kubeconfig]],
      'commands.status': ['klusterlet', ['status', '--data-dir', dataDir]],
    };
    for (const [name, [command, args]] of Object.entries(cases)) {
      const times = [];
      for (let i = 0; i < 5; i++) {
        const began = performance.now();
        must(command, args);
        times.push(performance.now() - began);
      }
      record(name, median(times));
    }
  },
};

/** One after the other, each waited for, as a user with one work sees it. */
export const oneWork = {
  name: 'work',
  async run({ fleet, record }) {
    const { client, clusterClient } = await fleet();
    const hubSide = await followWorks(client);
    const objects = new Map();
    const stopObjects = await follow(clusterClient, wellKnown.configMaps, {
      namespace: 'default',
      onEvent: ({ object }) => {
        const waiting = objects.get(object.metadata.name);
        if (waiting !== undefined) waiting.appliedAt ??= performance.now();
      },
    });
    const samples = [];
    for (let i = -20; i < oneWorkCount; i++) {
      const sample = await measureOne(client, { name: `one-${i + 20}`, hubSide, objects });
      if (i >= 0) samples.push(sample); // the first 20 warm up
    }
    await stopObjects();
    await hubSide.stop();
    const all = (key) => samples.map((sample) => sample[key]);
    // Applied goes first or together with Available: the first status that says Applied is "status seen".
    record('work.p50', percentile(all('status'), 50));
    record('work.p99', percentile(all('status'), 99));
    record('work.created', percentile(all('created'), 50));
    record('work.applied', percentile(all('applied'), 50));
    record('work.available', percentile(all('available'), 50));
    record('work.hubWrites', all('versions').reduce((sum, n) => sum + n, 0) / samples.length);
  },
};

async function measureOne(client, { name, hubSide, objects }) {
  const times = {};
  objects.set(name, times);
  const settled = hubSide.settled(name);
  const began = performance.now();
  await client.create(wellKnown.manifestWorks, workOf(name));
  const createdAt = performance.now();
  const seen = await settled;
  objects.delete(name);
  return {
    created: createdAt - began,
    applied: (times.appliedAt ?? Number.NaN) - began,
    status: seen.appliedAt - began,
    available: seen.availableAt - began,
    versions: seen.versions,
  };
}

export const manyWorks = {
  name: 'thousand',
  async run({ fleet, record }) {
    const { client, hub, cluster, klusterlet } = await fleet();
    const pids = { hub: hub.pid, klusterlet: klusterlet.child.pid, cluster: cluster.pid };
    const cpu = () => Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid)]));
    const before = cpu();
    const { seconds, createdSeconds } = await createAndSettle(client, {
      prefix: 'many',
      count: manyWorksCount,
    });
    const after = cpu();
    record('thousand.seconds', seconds);
    record('thousand.created', createdSeconds);
    record('thousand.hubCpu', after.hub - before.hub);
    record('thousand.klusterletCpu', after.klusterlet - before.klusterlet);
    record('thousand.clusterCpu', after.cluster - before.cluster);
    await pause(1000);
    record('thousand.hubRss', residentMiB(pids.hub));
    record('thousand.klusterletRss', residentMiB(pids.klusterlet));
  },
};

async function createAndSettle(client, { prefix, count }) {
  const hubSide = await followWorks(client);
  const names = Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
  const settled = names.map((name) => hubSide.settled(name));
  const began = performance.now();
  await forEachIndex(count, (i) => client.create(wellKnown.manifestWorks, workOf(names[i])), {
    concurrency: 32,
  });
  const createdSeconds = (performance.now() - began) / 1000;
  await Promise.all(settled);
  const seconds = (performance.now() - began) / 1000;
  await hubSide.stop();
  return { seconds, createdSeconds };
}

/** Watches the cluster's works on the hub and tells when each is Applied and Available in its newest generation. */
export async function followWorks(client) {
  const waiting = new Map();
  const stop = await follow(client, wellKnown.manifestWorks, {
    namespace,
    onEvent: ({ object }) => {
      const entry = waiting.get(object.metadata.name);
      if (entry === undefined) return;
      const now = performance.now();
      entry.versions++;
      if (isTrue(object, 'Applied')) entry.appliedAt ??= now;
      if (!isTrue(object, 'Applied') || !isTrue(object, 'Available')) return;
      entry.availableAt = now;
      waiting.delete(object.metadata.name);
      entry.resolve(entry);
    },
  });
  return {
    stop,
    settled: (name) => new Promise((resolve) => waiting.set(name, { versions: 0, resolve })),
  };
}
