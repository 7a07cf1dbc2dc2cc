// A fleet on one hub: how fast clusters join while those before them are at work, what memory each costs the hub, and
// what they all cost it when nothing happens but their heartbeats.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { wellKnown } from '@flotilla/kube';
import { pause, stop } from '../demo/processes.mjs';
import { approveAll, createToken, hubAddress } from './joining.mjs';
import { anonymousMiB, cpuSeconds, residentMiB } from './machine.mjs';
import { connect, follow, isTrue, metricsOf, startHub } from './parts.mjs';
import { forEachIndex, percentile } from './statistics.mjs';

const klusterlets = fileURLToPath(new URL('./klusterlets.mjs', import.meta.url));
/** More would make one process of klusterlets slower than a hub. */
const clustersPerProcess = 2500;
const concurrency = 16;
/** A minute after a join the hub looks once more at its token. */
const settleMs = 70_000;
/** Each cluster's lease is renewed after 60 to 75 s: nearly all of them, once. */
const steadyMs = 60_000;

export const manyClusters = {
  name: 'fleet',
  timeoutMs: ({ clusters }) => 240_000 + 400 * clusters,
  async run({ directory, record, clusters }) {
    const hub = await startHub(directory, 'hub-of-fleet');
    const operator = await connect(hub);
    const stopApproving = await approveAll(operator);
    const available = new Set();
    const stopFollowing = await follow(operator, wellKnown.managedClusters, {
      onEvent: ({ object }) => {
        if (isTrue(object, 'ManagedClusterConditionAvailable')) available.add(object.metadata.name);
        else available.delete(object.metadata.name);
      },
    });
    const fleet = Array.from({ length: clusters }, (_, i) => ({ name: `c${i}` }));
    await forEachIndex(
      clusters,
      async (i) => {
        fleet[i].token = await createToken(operator);
      },
      { concurrency: 64 },
    );
    await pause(3000);
    const before = { resident: residentMiB(hub.pid), anonymous: anonymousMiB(hub.pid) };
    await metricsOf(operator); // the lag of the event loop counts from here

    const cpuBefore = cpuSeconds(hub.pid);
    const began = performance.now();
    const joinedAt = [];
    const processes = await joinAll(fleet, {
      context: { directory, ...hubAddress(hub) },
      onJoined: () => joinedAt.push((performance.now() - began) / 1000),
    });
    record('fleet.clusters', clusters);
    record('fleet.joins', clusters / joinedAt.at(-1));
    const tenth = Math.ceil(clusters / 10);
    record('fleet.lastJoins', tenth / (joinedAt.at(-1) - (joinedAt.at(-tenth - 1) ?? 0)));
    record('fleet.joinCpu', ((cpuSeconds(hub.pid) - cpuBefore) * 1000) / clusters);
    record('fleet.joinLag', 1000 * (await metricsOf(operator)).nodejs_eventloop_lag_max_seconds);
    while (available.size < clusters) await pause(100);
    record('fleet.available', (performance.now() - began) / 1000 - joinedAt.at(-1));

    await pause(settleMs);
    record('fleet.rss', residentMiB(hub.pid));
    record('fleet.memory', ((residentMiB(hub.pid) - before.resident) * 1024) / clusters);
    record('fleet.anonymous', ((anonymousMiB(hub.pid) - before.anonymous) * 1024) / clusters);
    await measureSteady({ hub, operator, record, clusters });
    record('fleet.lost', clusters - available.size);

    for (const child of processes) child.disconnect();
    await Promise.all(processes.map((child) => child.exitCode ?? once(child, 'exit')));
    await stopApproving();
    await stopFollowing();
    await operator.transport.close();
    await stop(hub.entry);
  },
};

/** In several samples, so that one busy second shows. */
async function measureSteady({ hub, operator, record, clusters }) {
  await metricsOf(operator);
  const samples = [];
  for (let past = 0; past < steadyMs; past += 5000) {
    const cpu = cpuSeconds(hub.pid);
    const began = performance.now();
    await pause(5000);
    samples.push(((cpuSeconds(hub.pid) - cpu) * 1e6) / (performance.now() - began));
  }
  const mean = samples.reduce((sum, one) => sum + one, 0) / samples.length;
  record('fleet.steadyCpu', mean);
  record('fleet.steadyCpuEach', (1000 * mean) / clusters);
  record('fleet.steadyCpuMax', percentile(samples, 100));
  record('fleet.steadyLag', 1000 * (await metricsOf(operator)).nodejs_eventloop_lag_max_seconds);
}

/** Resolves with the processes when every cluster has used its certificate; they go on until they are left alone. */
async function joinAll(fleet, { context, onJoined }) {
  const count = Math.ceil(fleet.length / clustersPerProcess);
  const size = Math.ceil(fleet.length / count);
  const processes = [];
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const clusters = fleet.slice(i * size, (i + 1) * size);
      const child = fork(klusterlets, { execArgv: [] });
      const kill = () => child.kill('SIGKILL');
      process.once('exit', kill);
      child.once('exit', () => process.off('exit', kill));
      processes.push(child);
      child.send({ clusters, context, concurrency: Math.ceil(concurrency / count) });
      await untilJoined(child, { count: clusters.length, onJoined });
    }),
  );
  return processes;
}

function untilJoined(child, { count, onJoined }) {
  return new Promise((resolve, reject) => {
    let left = count;
    child.once('exit', () => reject(new Error('the process of the klusterlets has ended')));
    child.on('message', ({ failed }) => {
      if (failed !== undefined) {
        reject(new Error(`a cluster did not join: ${failed}`));
        return;
      }
      onJoined();
      if (--left === 0) resolve();
    });
  });
}
