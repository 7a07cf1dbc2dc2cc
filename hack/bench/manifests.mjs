// What one klusterlet costs that holds ten thousand objects: 1,000 works of 10 manifests each, then drift in 100 of
// the objects, then 10,000 objects in the managed cluster that are none of its business.
import { wellKnown } from '@flotilla/kube';
import { createSeededRandom } from '@flotilla/kube/testing';
import { pause } from '../demo/processes.mjs';
import { settleAll, workOf } from './fleet.mjs';
import { cpuSeconds, residentMiB } from './machine.mjs';
import { follow } from './parts.mjs';
import { forEachIndex, percentile } from './statistics.mjs';
import { measureUse, recordUse, sumOf } from './usage.mjs';

const driftCount = 100;
const unmanagedCount = 10_000;
const restSeconds = 10;

export const manifests = {
  name: 'manifests',
  timeoutMs: 300_000,
  async run({ newFleet, record, works }) {
    const fleet = await newFleet();
    const { processes } = fleet;
    const now = () => measureUse(processes).finish();
    const cpu = () =>
      Object.fromEntries(Object.entries(processes).map(([side, pids]) => [side, sumOf(pids, cpuSeconds)]));
    const warmUp = Array.from({ length: Math.min(20, works) }, (_, i) => `${fleet.prefix}warm-${i}`);
    await settleAll(
      fleet,
      warmUp.map((name) => workOf(fleet, name, manifestsOf(name))),
    );

    const names = Array.from({ length: works }, (_, i) => `${fleet.prefix}ten-${i}`);
    const measuring = measureUse(processes);
    const times = await settleAll(
      fleet,
      names.map((name) => workOf(fleet, name, manifestsOf(name))),
    );
    recordUse(record, { part: 'manifests', use: measuring.finish() });
    record('manifests.created', times.created);
    record('manifests.applied', times.applied);
    record('manifests.available', times.available);
    await pause(3000);
    for (const [side, { resident }] of Object.entries(now())) record(`manifests.${side}Rss3`, resident);
    await pause(7000);
    for (const [side, { resident }] of Object.entries(now())) record(`manifests.${side}Rss10`, resident);

    const resting = cpu();
    await pause(restSeconds * 1000);
    const rested = cpu();
    for (const [side, { length }] of Object.entries(processes)) {
      if (length > 0) record(`manifests.${side}Rest`, ((rested[side] - resting[side]) * 1000) / restSeconds);
    }

    const drift = await correctDrift(fleet.clusterClient, names);
    record('manifests.drift', drift.seconds);
    record('manifests.driftP50', percentile(drift.each, 50));
    record('manifests.driftP99', percentile(drift.each, 99));

    // Ten thousand objects that nobody would delete again are not put into somebody else's cluster.
    if (!fleet.isForeign) await measureUnmanaged(fleet, record);
  },
};

async function measureUnmanaged({ clusterClient, klusterlet }, record) {
  const { pid } = klusterlet.child;
  await pause(10_000); // what the drift has cost is given back
  const resident = residentMiB(pid);
  const cpu = cpuSeconds(pid);
  await forEachIndex(
    unmanagedCount,
    (i) => clusterClient.create(wellKnown.configMaps, configMap(`unmanaged-${i}`, 'x'.repeat(1024))),
    { concurrency: 32 },
  );
  await pause(10_000);
  record('manifests.unmanagedRss', residentMiB(pid) - resident);
  record('manifests.unmanagedCpu', cpuSeconds(pid) - cpu);
}

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

/** Half of them are changed, half are deleted, all at the same time; each is timed from the answer to its change. */
async function correctDrift(client, works) {
  const random = createSeededRandom(1);
  const names = new Set();
  while (names.size < Math.min(driftCount, works.length)) {
    names.add(`${works[Math.floor(random.next() * works.length)]}-${Math.floor(random.next() * 7)}`);
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
