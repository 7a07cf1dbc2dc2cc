// Runs the parts of the benchmark, each on fresh state, and gathers what they measured. Bounded in time: a part that
// hangs is given up, and no repetition is begun that would not end in time.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stopAll } from '../demo/processes.mjs';
import { root } from '../setup.mjs';
import { apiServer } from './api-server.mjs';
import { commands } from './commands.mjs';
import { writeCurves } from './curves.mjs';
import { renderTable, summarize } from './figures.mjs';
import { klusterletMemory, manyWorks, oneWork } from './fleet.mjs';
import { joins } from './joins.mjs';
import { describeMachine, loadNow } from './machine.mjs';
import { manifests } from './manifests.mjs';
import { manyClusters } from './many-clusters.mjs';
import { connect, lookInto, startFleet } from './parts.mjs';
import { saturation } from './saturation.mjs';
import { scale } from './scale.mjs';
import { startAndMemory } from './start-and-memory.mjs';
import { watchers } from './watchers.mjs';

/** In this order: what measures memory comes before what fills it. */
const allParts = [
  startAndMemory,
  klusterletMemory,
  commands,
  oneWork,
  manyWorks,
  joins,
  apiServer,
  manifests,
  scale,
  watchers,
  manyClusters,
  saturation,
];
/** Minutes each: only when they are asked for by name. */
const onRequest = [manifests, scale, watchers, manyClusters, saturation];
/** What is measured of another system when nothing is asked for by name. */
const ofForeign = [oneWork, manyWorks];
const partTimeoutMs = 60_000;
/** No repetition is begun that would end later; no part either, but for the first of each asked for by name. */
const totalMs = 220_000;
/** Another system may take so many times as long before it is given up. */
const foreignPatience = 10;

/**
 * `target` says where hub and agent are: `agent` is `own` or `external`; `hubKubeconfig`, `cluster`, `managedKubeconfig`
 * where they are not started here; `pids` what of those is to be measured, by side.
 */
export async function runBenchmark(options) {
  const { only, runs, target, profileDirectory, snapshotDirectory, curvesDirectory } = options;
  lookInto({ cpu: profileDirectory, heap: snapshotDirectory });
  const state = join(root, '.flotilla', `bench-${process.pid}`);
  mkdirSync(state, { recursive: true });
  process.on('exit', () => rmSync(state, { recursive: true, force: true })); // also after a crash
  const stopped = new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.once(signal, () => reject(new Error(`stopped by ${signal}`)));
    }
  });
  stopped.catch(() => undefined); // it is only ever raced
  const results = { measured: new Map(), curves: new Map(), failures: [] };
  const patience = target.hubKubeconfig === undefined ? 1 : foreignPatience;
  const bench = { ...options, ...results, state, stopped, patience, began: performance.now() };
  try {
    const machine = describeMachine(state);
    Object.assign(machine.versions, await foreignVersions(target));
    const chosen = allParts.filter((part) => {
      if (only.length > 0) return only.includes(part.name);
      return target.hubKubeconfig === undefined ? !onRequest.includes(part) : ofForeign.includes(part);
    });
    const done = await repeat(bench, { chosen, runs });
    machine.loadAfter = loadNow();
    const rows = summarize(bench.measured, options);
    const files = curvesDirectory === undefined ? [] : writeCurves(curvesDirectory, { ...bench, machine });
    const text = render({ machine, rows, done, bench, files });
    return { machine, rows, curves: Object.fromEntries(bench.curves), failures: bench.failures, text };
  } finally {
    await stopAll();
  }
}

async function repeat(bench, { chosen, runs }) {
  for (let run = 1; run <= runs; run++) {
    const elapsed = performance.now() - bench.began;
    if (run > 1 && elapsed + elapsed / (run - 1) > totalMs * bench.patience) return run - 1;
    await runOnce(bench, { run, chosen });
    if (bench.failures.some(({ final }) => final)) return run;
  }
  return runs;
}

async function runOnce(bench, { run, chosen }) {
  const open = [];
  const openFleet = (name) => {
    const starting = startFleet(join(bench.state, `${run}-${name}`), bench.target);
    open.push(starting);
    return starting;
  };
  let shared;
  for (const part of chosen) {
    process.stderr.write(`run ${run}: ${part.name}\n`);
    const { works, clusters, p99Ms, target } = bench;
    const context = {
      ...{ works, clusters, p99Ms, target, directory: join(bench.state, `${run}-${part.name}`) },
      record: (name, value) => bench.measured.set(name, [...(bench.measured.get(name) ?? []), value]),
      curve: (name, { rows, ...of }) => {
        const runs = [...(bench.curves.get(name)?.runs ?? []), rows];
        bench.curves.set(name, { ...of, runs });
      },
      /** The one that parts share. */
      fleet: () => {
        shared ??= openFleet('fleet');
        return shared;
      },
      newFleet: () => openFleet(part.name),
    };
    const failed = (error) => {
      const final = error.message.startsWith('stopped by');
      bench.failures.push({ run, part: part.name, why: error.message, final });
      process.stderr.write(`  not measured: ${error.message}\n`);
      return final;
    };
    let isOver = false;
    try {
      if (performance.now() - bench.began > totalMs * bench.patience && !onRequest.includes(part))
        throw new Error('no time was left');
      await Promise.race([part.run(context), timeout(part, bench), bench.stopped]);
    } catch (error) {
      isOver = failed(error);
    }
    // The parts that share a fleet stand together in the order; what comes after them measures alone.
    if (isOver || !usesFleet(chosen[chosen.indexOf(part) + 1])) {
      await closeAll(open).catch(failed);
      await stopAll();
      shared = undefined;
    }
    if (isOver) break;
  }
}

/** One that did not come up has been told of by the part that asked for it. */
async function closeAll(open) {
  const [...starting] = open.splice(0);
  const started = (await Promise.allSettled(starting)).filter(({ status }) => status === 'fulfilled');
  await Promise.all(started.map(({ value }) => value.close()));
}

/** What the API servers that are not ours say of themselves. */
async function foreignVersions({ hubKubeconfig, managedKubeconfig }) {
  const asked = Object.entries({ hub: hubKubeconfig, cluster: managedKubeconfig });
  const answers = asked.map(async ([name, kubeconfig]) => {
    if (kubeconfig === undefined) return [];
    const client = await connect({ kubeconfig });
    const { gitVersion } = JSON.parse(await client.getText('/version'));
    await client.transport.close();
    return [[name, gitVersion]];
  });
  return Object.fromEntries((await Promise.all(answers)).flat());
}

/** The budgets of a fleet are among them. */
function leftOut({ only, target }) {
  if (only.length > 0 || target.hubKubeconfig !== undefined) return [];
  return ['', `measured only when asked for by --only: ${onRequest.map(({ name }) => name).join(', ')}`];
}

function usesFleet(part) {
  return [klusterletMemory, commands, oneWork, manyWorks].includes(part);
}

function timeout({ name, timeoutMs = partTimeoutMs }, bench) {
  const limitMs = bench.patience * (typeof timeoutMs === 'function' ? timeoutMs(bench) : timeoutMs);
  return new Promise((_, reject) => {
    const why = `${name} took longer than ${limitMs / 1000} s`;
    setTimeout(() => reject(new Error(why)), limitMs).unref();
  });
}

function render({ machine, rows, done, bench, files }) {
  const { cores, cpu, memoryGiB, system, versions, sha256MiBps, fsyncMs, loadBefore, loadAfter } = machine;
  const agent = bench.target.agent === 'external' ? 'external agent; ' : '';
  const took = Math.round((performance.now() - bench.began) / 1000);
  const lines = [
    `${cores} cores, ${cpu}, ${memoryGiB} GiB, ${system}`,
    `${agent}${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    `one core: SHA-256 ${sha256MiBps} MiB/s; disk: fsync ${fsyncMs} ms; load ${loadBefore} before, ${loadAfter} after`,
    `median of ${done} run${done === 1 ? '' : 's'}, spread from least to greatest; ratio above 1: over budget; took ${took} s`,
    `peaks of memory are ${machine.peaks}`,
    '',
    renderTable(rows),
    ...leftOut(bench),
    ...files.map((file) => `written: ${file}`),
    ...bench.failures.map(({ run, part, why }) => `NOT MEASURED in run ${run}: ${part}: ${why}`),
  ];
  return `${lines.join('\n')}\n`;
}
