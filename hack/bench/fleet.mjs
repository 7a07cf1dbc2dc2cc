// What one cluster costs and how fast a work comes and its status goes: a hub, a stand-in cluster, a klusterlet.
import { wellKnown } from '@flotilla/kube';
import { pause } from '../demo/processes.mjs';
import { cpuSeconds, residentMiB } from './machine.mjs';
import { follow, isTrue } from './parts.mjs';
import { forEachIndex, percentile } from './statistics.mjs';
import { measureUse, recordUse } from './usage.mjs';

const oneWorkCount = 200;
const warmUpCount = 20;

/** A work of one ConfigMap, or of the manifests given, for the cluster of this fleet. */
export function workOf({ namespace, labels }, name, manifests = [configMap(name)]) {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name, namespace, ...(labels && { labels }) },
    spec: { workload: { manifests } },
  };
}

function configMap(name) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data: { text: 'a line of configuration, as long as such lines are' },
  };
}

export const klusterletMemory = {
  name: 'klusterlet',
  async run({ fleet, record }) {
    const started = await fleet();
    const { hub, klusterlet } = started;
    const use = measureUse(started.processes);
    await createAndSettle(started, { prefix: 'idle', count: 10 });
    await pause(3000);
    const { pid } = klusterlet.child;
    record('klusterlet.rss3', residentMiB(pid));
    const before = { own: cpuSeconds(pid), hub: cpuSeconds(hub.pid) };
    await pause(7000);
    record('klusterlet.rss10', residentMiB(pid));
    record('klusterlet.cpu', ((cpuSeconds(pid) - before.own) * 1000) / 7);
    record('klusterlet.hubCpu', ((cpuSeconds(hub.pid) - before.hub) * 1000) / 7);
    const { klusterlet: own, hub: itsHub } = use.finish();
    record('klusterlet.peak', own.peak);
    record('klusterlet.hubPeak', itsHub.peak);
  },
};

/** One after the other, each waited for, as a user with one work sees it. */
export const oneWork = {
  name: 'work',
  async run({ fleet, record, works }) {
    const started = await fleet();
    const { clusterClient, processes } = started;
    const hubSide = await followWorks(started);
    const objects = new Map();
    const stopObjects = await follow(clusterClient, wellKnown.configMaps, {
      namespace: 'default',
      onEvent: ({ object }) => {
        const waiting = objects.get(object.metadata.name);
        if (waiting !== undefined) waiting.appliedAt ??= performance.now();
      },
    });
    const samples = [];
    let use;
    for (let i = -warmUpCount; i < Math.min(oneWorkCount, works); i++) {
      if (i === 0) use = measureUse(processes);
      const name = `${started.prefix}one-${i + warmUpCount}`;
      const sample = await measureOne(started, { name, hubSide, objects });
      if (i >= 0) samples.push(sample);
    }
    recordUse(record, { part: 'work', use: use.finish(), scale: 1000 / samples.length });
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

async function measureOne(fleet, { name, hubSide, objects }) {
  const times = {};
  objects.set(name, times);
  const settled = hubSide.settled(name);
  const began = performance.now();
  await fleet.client.create(wellKnown.manifestWorks, workOf(fleet, name));
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
  async run({ fleet, record, works }) {
    const started = await fleet();
    await createAndSettle(started, { prefix: 'warm', count: Math.min(100, works) });
    const measuring = measureUse(started.processes);
    const { seconds, createdSeconds } = await createAndSettle(started, { prefix: 'many', count: works });
    const use = measuring.finish();
    record('thousand.seconds', seconds);
    record('thousand.created', createdSeconds);
    recordUse(record, { part: 'thousand', use });
    await pause(1000);
    for (const [side, { resident }] of Object.entries(measureUse(started.processes).finish())) {
      record(`thousand.${side}Rss`, resident);
    }
  },
};

export async function createAndSettle(fleet, { prefix, count }) {
  const names = Array.from({ length: count }, (_, i) => `${fleet.prefix}${prefix}-${i}`);
  const { created, available } = await settleAll(
    fleet,
    names.map((name) => workOf(fleet, name)),
  );
  return { seconds: available, createdSeconds: created };
}

/**
 * Creates these works, 32 at a time, and waits until all are Applied and Available. Answers the seconds from the first
 * create until all creates were acknowledged, all were Applied, all were Available as well.
 */
export async function settleAll(fleet, works) {
  const hubSide = await followWorks(fleet);
  const settled = works.map(({ metadata }) => hubSide.settled(metadata.name));
  const began = performance.now();
  const since = (at) => (at - began) / 1000;
  await forEachIndex(works.length, (i) => fleet.client.create(wellKnown.manifestWorks, works[i]), {
    concurrency: 32,
  });
  const created = since(performance.now());
  const seen = await Promise.all(settled);
  await hubSide.stop();
  return {
    created,
    applied: since(Math.max(...seen.map(({ appliedAt }) => appliedAt))),
    available: since(Math.max(...seen.map(({ availableAt }) => availableAt))),
  };
}

/**
 * Watches the works on the hub, of one cluster or of all, and tells when each is Applied, and when it is Applied and
 * Available, as the hub shows it. Of all clusters they are known as `<cluster>/<name>`.
 */
export async function followWorks({ client, namespace }) {
  const waiting = new Map();
  const stop = await follow(client, wellKnown.manifestWorks, {
    ...(namespace !== undefined && { namespace }),
    onEvent: ({ object }) => {
      const { name } = object.metadata;
      const key = namespace === undefined ? `${object.metadata.namespace}/${name}` : name;
      const entry = waiting.get(key);
      if (entry === undefined) return;
      const now = performance.now();
      entry.versions++;
      if (isTrue(object, 'Applied')) entry.appliedAt ??= now;
      const isDone = isTrue(object, 'Applied') && (!entry.needsAvailable || isTrue(object, 'Available'));
      if (!isDone) return;
      entry.availableAt = now;
      waiting.delete(key);
      entry.resolve(entry);
    },
  });
  const wait = (key, needsAvailable) =>
    new Promise((resolve) => waiting.set(key, { versions: 0, needsAvailable, resolve }));
  return {
    stop,
    settled: (key) => wait(key, true),
    applied: (key) => wait(key, false),
    /** Nobody waits any longer for what has not come. */
    forget: () => waiting.clear(),
  };
}
