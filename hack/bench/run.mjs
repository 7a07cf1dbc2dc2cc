// Runs the parts of the benchmark, each on fresh state, and gathers what they measured. Bounded in time: a part that
// hangs is given up, and no repetition is begun that would not end in time.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stopAll } from '../demo/processes.mjs';
import { root } from '../setup.mjs';
import { apiServer } from './api-server.mjs';
import { renderTable, summarize } from './figures.mjs';
import { commands, klusterletMemory, manyWorks, oneWork } from './fleet.mjs';
import { joins } from './joins.mjs';
import { describeMachine, loadNow } from './machine.mjs';
import { manifests } from './manifests.mjs';
import { manyClusters } from './many-clusters.mjs';
import { profileInto, startFleet } from './parts.mjs';
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
];
/** Minutes each: only when they are asked for by name. */
const onRequest = [manifests, scale, watchers, manyClusters];
const partTimeoutMs = 60_000;
/** No repetition is begun that would end later; no part either, but for the first of each asked for by name. */
const totalMs = 220_000;

export async function runBenchmark({ only, runs, clusters, profileDirectory }) {
  if (profileDirectory !== undefined) profileInto(profileDirectory);
  const state = join(root, '.flotilla', `bench-${process.pid}`);
  mkdirSync(state, { recursive: true });
  process.on('exit', () => rmSync(state, { recursive: true, force: true })); // also after a crash
  const stopped = new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.once(signal, () => reject(new Error(`stopped by ${signal}`)));
    }
  });
  stopped.catch(() => undefined); // it is only ever raced
  const bench = { state, clusters, stopped, measured: new Map(), failures: [], began: performance.now() };
  try {
    const machine = describeMachine(state);
    const chosen = allParts.filter((part) =>
      only.length === 0 ? !onRequest.includes(part) : only.includes(part.name),
    );
    const done = await repeat(bench, { chosen, runs });
    machine.loadAfter = loadNow();
    const rows = summarize(bench.measured);
    return { machine, rows, failures: bench.failures, text: render({ machine, rows, done, bench }) };
  } finally {
    await stopAll();
  }
}

async function repeat(bench, { chosen, runs }) {
  for (let run = 1; run <= runs; run++) {
    const elapsed = performance.now() - bench.began;
    if (run > 1 && elapsed + elapsed / (run - 1) > totalMs) return run - 1;
    await runOnce(bench, { run, chosen });
    if (bench.failures.some(({ final }) => final)) return run;
  }
  return runs;
}

async function runOnce(bench, { run, chosen }) {
  let fleet;
  for (const part of chosen) {
    process.stderr.write(`run ${run}: ${part.name}\n`);
    const directory = join(bench.state, `${run}-${part.name}`);
    const context = {
      directory,
      clusters: bench.clusters,
      record: (name, value) => bench.measured.set(name, [...(bench.measured.get(name) ?? []), value]),
      fleet: () => {
        fleet ??= startFleet(join(bench.state, `${run}-fleet`));
        return fleet;
      },
    };
    try {
      if (performance.now() - bench.began > totalMs && !onRequest.includes(part))
        throw new Error('no time was left');
      await Promise.race([part.run(context), timeout(part, bench), bench.stopped]);
    } catch (error) {
      const final = error.message.startsWith('stopped by');
      bench.failures.push({ run, part: part.name, why: error.message, final });
      process.stderr.write(`  not measured: ${error.message}\n`);
      if (final) break;
    }
    // The parts that share a fleet stand together in the order; what comes after them measures alone.
    if (!usesFleet(chosen[chosen.indexOf(part) + 1])) {
      await stopAll();
      fleet = undefined;
    }
  }
  await stopAll();
}

function usesFleet(part) {
  return [klusterletMemory, commands, oneWork, manyWorks].includes(part);
}

function timeout({ name, timeoutMs = partTimeoutMs }, bench) {
  const limitMs = typeof timeoutMs === 'function' ? timeoutMs(bench) : timeoutMs;
  return new Promise((_, reject) => {
    const why = `${name} took longer than ${limitMs / 1000} s`;
    setTimeout(() => reject(new Error(why)), limitMs).unref();
  });
}

function render({ machine, rows, done, bench }) {
  const { cores, cpu, memoryGiB, system, node, sha256MiBps, fsyncMs, loadBefore, loadAfter } = machine;
  const lines = [
    `${cores} cores, ${cpu}, ${memoryGiB} GiB, ${system}, Node ${node}`,
    `one core: SHA-256 ${sha256MiBps} MiB/s; disk: fsync ${fsyncMs} ms; load ${loadBefore} before, ${loadAfter} after`,
    `median of ${done} run${done === 1 ? '' : 's'}; ratio above 1: over budget; took ${Math.round((performance.now() - bench.began) / 1000)} s`,
    '',
    renderTable(rows),
    ...bench.failures.map(({ run, part, why }) => `NOT MEASURED in run ${run}: ${part}: ${why}`),
  ];
  return `${lines.join('\n')}\n`;
}
