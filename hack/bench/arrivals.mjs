// Works that arrive whether or not those before them are done, as users send them: at random (Poisson, seeded) with a
// rate. Each is timed from the moment it was to be sent, so that a system that makes its callers wait does not look fast.
import { wellKnown } from '@flotilla/kube';
import { createSeededRandom } from '@flotilla/kube/testing';
import { pause } from '../demo/processes.mjs';
import { percentile } from './statistics.mjs';

/** What has no status so long after the last arrival has none. */
const drainMs = 20_000;

/**
 * Creates these works, so many a second; `watching.settled(work)` is asked for each before, and resolves with
 * `{ appliedAt }` once its status is seen. Answers the rate that was reached, latencies in ms, and how many never settled.
 */
export async function arrive(client, works, { rate, watching }) {
  const random = createSeededRandom(rate);
  const times = [];
  const errors = [];
  const began = performance.now();
  let dueAt = began;
  let lastAt = began;
  const pending = works.map(async (work) => {
    dueAt += (-Math.log(1 - random.next()) * 1000) / rate;
    const own = dueAt;
    const settled = watching.settled(work);
    await pause(own - performance.now());
    try {
      await client.create(wellKnown.manifestWorks, work);
    } catch (error) {
      errors.push(error);
      return;
    }
    const { appliedAt } = await settled;
    times.push(appliedAt - own);
    lastAt = Math.max(lastAt, appliedAt);
  });
  const tooLate = new AbortController();
  await Promise.race([Promise.all(pending), patience(dueAt - began + drainMs, tooLate.signal)]);
  tooLate.abort();
  if (times.length === 0) throw errors[0] ?? new Error('none of the works got a status');
  // What never came is later than all that did.
  const missing = works.length - times.length;
  const all = [...times, ...Array.from({ length: missing }, () => Number.POSITIVE_INFINITY)];
  return {
    reached: (times.length * 1000) / (lastAt - began),
    p50: percentile(all, 50),
    p99: percentile(all, 99),
    most: percentile(all, 100),
    missing,
    seconds: (performance.now() - began) / 1000,
  };
}

function patience(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => clearTimeout(timer));
  });
}

/**
 * Goes up the steps and stops after the second in a row that is over the budget: one may be a neighbour's doing.
 * Answers the rows, the last step within the budget before the first over it, and that one.
 */
export async function climb(steps, { budgetMs, measure }) {
  const rows = [];
  let over = 0;
  for (const step of steps) {
    const row = await measure(step);
    rows.push({ step, row, isOver: !(row.p99_ms <= budgetMs) });
    over = rows.at(-1).isOver ? over + 1 : 0;
    process.stderr.write(`  ${step}: p50 ${row.p50_ms.toFixed(1)} ms, p99 ${row.p99_ms.toFixed(1)} ms\n`);
    if (over === 2) break;
  }
  const firstOver = over === 0 ? rows.length : rows.length - over;
  return {
    rows: rows.map(({ row }) => row),
    within: rows[firstOver - 1]?.step ?? 0,
    over: rows[firstOver]?.step,
  };
}
