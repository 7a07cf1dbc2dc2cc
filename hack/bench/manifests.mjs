// What one klusterlet costs that holds ten thousand objects: 1,000 works of 10 manifests each, then drift in 100 of
// the objects, then 10,000 objects in the managed cluster that are none of its business.
import { wellKnown } from '@flotilla/kube';
import { createSeededRandom } from '@flotilla/kube/testing';
import { pause } from '../demo/processes.mjs';
import { followWorks, namespace } from './fleet.mjs';
import { cpuSeconds, residentMiB } from './machine.mjs';
import { follow, startFleet } from './parts.mjs';
import { forEachIndex, percentile } from './statistics.mjs';

const workCount = 1000;
const driftCount = 100;
const unmanagedCount = 10_000;
const restSeconds = 10;

export const manifests = {
  name: 'manifests',
  timeoutMs: 300_000,
  async run({ directory, record }) {
    const fleet = await startFleet(directory);
    const pids = { hub: fleet.hub.pid, cluster: fleet.cluster.pid, klusterlet: fleet.klusterlet.child.pid };
    const measure = (suffix, of) => {
      for (const [name, pid] of Object.entries(pids)) record(`manifests.${name}${suffix}`, of(name, pid));
    };
    const cpu = () => Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid)]));

    const before = cpu();
    const times = await applyAll(fleet.client);
    record('manifests.created', times.created);
    record('manifests.applied', times.applied);
    record('manifests.available', times.available);
    const done = cpu();
    measure('Cpu', (name) => done[name] - before[name]);
    await pause(3000);
    measure('Rss3', (_, pid) => residentMiB(pid));
    await pause(7000);
    measure('Rss10', (_, pid) => residentMiB(pid));

    const resting = cpu();
    await pause(restSeconds * 1000);
    const rested = cpu();
    measure('Rest', (name) => ((rested[name] - resting[name]) * 1000) / restSeconds);

    const drift = await correctDrift(fleet.clusterClient);
    record('manifests.drift', drift.seconds);
    record('manifests.driftP50', percentile(drift.each, 50));
    record('manifests.driftP99', percentile(drift.each, 99));

    await pause(10_000); // what the drift has cost is given back
    const managed = residentMiB(pids.klusterlet);
    const cpuManaged = cpuSeconds(pids.klusterlet);
    await forEachIndex(
      unmanagedCount,
      (i) => fleet.clusterClient.create(wellKnown.configMaps, configMap(`unmanaged-${i}`, 'x'.repeat(1024))),
      { concurrency: 32 },
    );
    await pause(10_000);
    record('manifests.unmanagedRss', residentMiB(pids.klusterlet) - managed);
    record('manifests.unmanagedCpu', cpuSeconds(pids.klusterlet) - cpuManaged);
  },
};

function configMap(name, text) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data: { text },
  };
}

/** Seven ConfigMaps, two Secrets and a ServiceAccount, about 2 KiB together. */
function manifestsOf(work) {
  const line = 'a line of configuration, as long as such lines are';
  const secret = (name) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'default' },
    type: 'Opaque',
    data: { password: Buffer.from(`${name} ${line}`).toString('base64') },
  });
  return [
    ...Array.from({ length: 7 }, (_, i) => configMap(`${work}-${i}`, line)),
    secret(`${work}-7`),
    secret(`${work}-8`),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: `${work}-9`, namespace: 'default' } },
  ];
}

function workOf(name) {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name, namespace },
    spec: { workload: { manifests: manifestsOf(name) } },
  };
}

async function applyAll(client) {
  const hubSide = await followWorks(client);
  const names = Array.from({ length: workCount }, (_, i) => `ten-${i}`);
  const settled = names.map((name) => hubSide.settled(name));
  const began = performance.now();
  const since = (at) => (at - began) / 1000;
  await forEachIndex(workCount, (i) => client.create(wellKnown.manifestWorks, workOf(names[i])), {
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

/** Half of them are changed, half are deleted, all at the same time; each is timed from the answer to its change. */
async function correctDrift(client) {
  const random = createSeededRandom(1);
  const names = new Set();
  while (names.size < driftCount) {
    names.add(`ten-${Math.floor(random.next() * workCount)}-${Math.floor(random.next() * 7)}`);
  }
  const open = new Map();
  const stop = await follow(client, wellKnown.configMaps, {
    namespace: 'default',
    onEvent: ({ type, object }) => {
      const drift = open.get(object.metadata.name);
      if (drift === undefined || type === 'DELETED' || object.data?.text === 'drift') return;
      const isNew = object.metadata.uid !== drift.uid;
      if (drift.deletes !== isNew || object.metadata.resourceVersion === drift.version) return;
      open.delete(object.metadata.name);
      drift.resolve(performance.now());
    },
  });
  const began = performance.now();
  const each = await Promise.all(
    [...names].map(async (name, i) => {
      const key = { namespace: 'default', name };
      const deletes = i % 2 === 1;
      const { metadata } = await client.get(wellKnown.configMaps, key);
      const corrected = new Promise((resolve) => {
        open.set(name, { deletes, uid: metadata.uid, version: metadata.resourceVersion, resolve });
      });
      if (deletes) await client.delete(wellKnown.configMaps, key);
      else
        await client.patch(wellKnown.configMaps, key, { type: 'merge', body: { data: { text: 'drift' } } });
      const changedAt = performance.now();
      return Math.max(0, (await corrected) - changedAt);
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  await stop();
  return { seconds, each };
}
