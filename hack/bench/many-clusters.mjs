// A fleet on one hub: how fast clusters join while those before them are at work, what memory each costs the hub, what
// they all cost it when nothing happens but their heartbeats, and how fast a work for each of them comes back.
import { wellKnown } from '@flotilla/kube';
import { pause, stop } from '../demo/processes.mjs';
import { followWorks, workOf } from './fleet.mjs';
import { approveAll, hubAddress } from './joining.mjs';
import { anonymousMiB, cpuSeconds, peakMiB, residentMiB } from './machine.mjs';
import { connect, follow, isTrue, metricsOf, startHub } from './parts.mjs';
import { createSimulatedFleet, createTokens } from './simulated-fleet.mjs';
import { forEachIndex, percentile } from './statistics.mjs';

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
    const fleet = await createTokens(operator, clusters);
    await pause(3000);
    const before = { resident: residentMiB(hub.pid), anonymous: anonymousMiB(hub.pid) };
    await metricsOf(operator); // the lag of the event loop counts from here

    const cpuBefore = cpuSeconds(hub.pid);
    const began = performance.now();
    const joinedAt = [];
    const simulated = createSimulatedFleet({ directory, ...hubAddress(hub) });
    await simulated.join(fleet, {
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
    record('fleet.peak', peakMiB(hub.pid));
    record('fleet.rss', residentMiB(hub.pid));
    record('fleet.memory', ((residentMiB(hub.pid) - before.resident) * 1024) / clusters);
    record('fleet.anonymous', ((anonymousMiB(hub.pid) - before.anonymous) * 1024) / clusters);
    await measureSteady({ hub, operator, record, clusters });
    await measureWorkEach({ hub, operator, record, clusters });
    record('fleet.lost', clusters - available.size);

    await simulated.close();
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

/** As a placement would: a work for every cluster, and all of their statuses back. */
async function measureWorkEach({ hub, operator, record, clusters }) {
  const labels = { 'flotilla.dev/benchmark': 'fleet' };
  const works = Array.from({ length: clusters }, (_, i) => workOf({ namespace: `c${i}`, labels }, 'one'));
  const hubSide = await followWorks({ client: operator });
  const settled = works.map(({ metadata }) => hubSide.settled(`${metadata.namespace}/${metadata.name}`));
  await metricsOf(operator);
  const cpu = cpuSeconds(hub.pid);
  const began = performance.now();
  await forEachIndex(clusters, (i) => operator.create(wellKnown.manifestWorks, works[i]), {
    concurrency: 32,
  });
  await Promise.all(settled);
  const seconds = (performance.now() - began) / 1000;
  record('fleet.workEach', seconds);
  record('fleet.workEachRate', clusters / seconds);
  record('fleet.workEachCpu', ((cpuSeconds(hub.pid) - cpu) * 1000) / clusters);
  record('fleet.workEachLag', 1000 * (await metricsOf(operator)).nodejs_eventloop_lag_max_seconds);
  record('fleet.workEachRss', residentMiB(hub.pid));
  await hubSide.stop();
}
