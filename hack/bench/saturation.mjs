// How far one hub goes: works a second to one cluster, and clusters, in steps until the p99 from a work's arrival to its
// status seen on the hub leaves the budget. Each step's figures are points of a curve.
import { wellKnown } from '@flotilla/kube';
import { createSeededRandom } from '@flotilla/kube/testing';
import { pause, stop } from '../demo/processes.mjs';
import { arrive, climb } from './arrivals.mjs';
import { followWorks, settleAll, workOf } from './fleet.mjs';
import { deleteWorks } from './foreign.mjs';
import { approveAll, hubAddress } from './joining.mjs';
import { connect, follow, isTrue, metricsOf, startHub } from './parts.mjs';
import { createSimulatedFleet, createTokens } from './simulated-fleet.mjs';
import { measureUse } from './usage.mjs';

const rates = [10, 20, 40, 80, 120, 160, 240, 320, 480, 640, 960, 1280];
const clusterSteps = [25, 50, 100, 200, 400, 800, 1200, 1600, 2400, 3200, 4800, 6400, 10_000];
/** A step lasts so long, and longer where a p99 would be of fewer works than this. */
const stepSeconds = 5;
const leastWorks = 100;
/** While the number of clusters grows, what they get stays: works to random ones of them. */
const steadyRate = 20;
const steadyWorks = 200;
const settleMs = 2000;

export const saturation = {
  name: 'saturation',
  timeoutMs: ({ clusters }) => 600_000 + 400 * clusters,
  async run(context) {
    await worksASecond(context);
    if (context.target.hubKubeconfig === undefined) await numberOfClusters(context);
  },
};

async function worksASecond({ newFleet, record, curve, works, p99Ms }) {
  const fleet = await newFleet();
  const labels = fleet.labels ?? { 'flotilla.dev/benchmark': 'saturation' };
  const nameable = { ...fleet, labels };
  const namesOf = (tag, count) => Array.from({ length: count }, (_, i) => `${fleet.prefix}${tag}-${i}`);
  const worksOf = (tag, count) => namesOf(tag, count).map((name) => workOf(nameable, name));
  await settleAll(fleet, worksOf('warm', 50));
  await deleteWorks(fleet.client, nameable);
  const hubSide = await followWorks(fleet);
  const watching = { settled: ({ metadata }) => hubSide.applied(metadata.name) };
  const { rows, within, over } = await climb(rates, {
    budgetMs: p99Ms,
    measure: async (rate) => {
      const count = Math.min(works * 10, Math.max(leastWorks, rate * stepSeconds));
      const use = measureUse(fleet.processes);
      const result = await arrive(fleet.client, worksOf(`r${rate}`, count), { rate, watching });
      const row = { works_per_s: rate, reached_per_s: result.reached, ...point(result, use.finish()) };
      hubSide.forget();
      await deleteWorks(fleet.client, nameable);
      return row;
    },
  });
  await hubSide.stop();
  record('saturation.works', within);
  if (over !== undefined) record('saturation.worksOver', over);
  curve('works', {
    title: 'Works a second to one cluster',
    xLabel: 'works a second',
    xKey: 'works_per_s',
    rows,
  });
}

async function numberOfClusters({ directory, clusters, record, curve, p99Ms }) {
  const hub = await startHub(directory, 'hub-of-curve');
  const operator = await connect(hub);
  const stopApproving = await approveAll(operator);
  const available = new Set();
  const stopFollowing = await follow(operator, wellKnown.managedClusters, {
    onEvent: ({ object }) => {
      if (isTrue(object, 'ManagedClusterConditionAvailable')) available.add(object.metadata.name);
    },
  });
  const hubSide = await followWorks({ client: operator });
  const watching = { settled: ({ metadata }) => hubSide.applied(`${metadata.namespace}/${metadata.name}`) };
  const simulated = createSimulatedFleet({ directory, ...hubAddress(hub) });
  const random = createSeededRandom(1);
  let joined = 0;
  const steps = [...clusterSteps.filter((step) => step < clusters), clusters];
  const { rows, within, over } = await climb(steps, {
    budgetMs: p99Ms,
    measure: async (step) => {
      const tokens = await createTokens(operator, step - joined, joined);
      const began = performance.now();
      await simulated.join(tokens);
      const joins = ((step - joined) * 1000) / (performance.now() - began);
      joined = step;
      while (available.size < joined) await pause(50);
      await pause(settleMs);
      await metricsOf(operator); // the lag of the event loop counts from here
      const use = measureUse({ hub: [hub.pid] });
      const labels = { 'flotilla.dev/benchmark': 'saturation' };
      const sent = Array.from({ length: steadyWorks }, (_, i) =>
        workOf({ namespace: `c${Math.floor(random.next() * joined)}`, labels }, `n${step}-${i}`),
      );
      const result = await arrive(operator, sent, { rate: steadyRate, watching });
      const used = use.finish();
      const lag = 1000 * (await metricsOf(operator)).nodejs_eventloop_lag_max_seconds;
      hubSide.forget();
      await deleteWorks(operator, { labels });
      const resident = used.hub.resident;
      return {
        clusters: step,
        joins_per_s: joins,
        ...point(result, used),
        hub_mib: resident,
        hub_lag_ms: lag,
      };
    },
  });
  record('saturation.clusters', within);
  if (over !== undefined) record('saturation.clustersOver', over);
  const title = `Clusters on one hub, ${steadyRate} works a second to random ones`;
  curve('clusters', { title, xLabel: 'clusters', xKey: 'clusters', rows });
  await simulated.close();
  await hubSide.stop();
  await stopFollowing();
  await stopApproving();
  await operator.transport.close();
  await stop(hub.entry);
}

/** CPU in cores: seconds of it for each second of the step. */
function point({ p50, p99, most, missing, seconds }, use) {
  const sides = Object.entries({ hub: 'hub', klusterlet: 'agent', cluster: 'cluster' });
  return {
    ...{ p50_ms: p50, p99_ms: p99, max_ms: most, without_status: missing },
    ...Object.fromEntries(
      sides
        .filter(([side]) => use[side] !== undefined)
        .flatMap(([side, name]) => [
          [`${name}_cores`, use[side].cpu / seconds],
          [`${name}_peak_mib`, use[side].peak],
        ]),
    ),
  };
}
