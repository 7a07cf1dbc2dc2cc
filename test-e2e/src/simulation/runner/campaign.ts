/**
 * Many runs: the corpus first, then seed after seed over the worker processes, until enough were run, the time is over
 * or too many have failed; and what came of them all, as figures.
 */
import { planScenario } from '../plan-scenario.js';
import type { Scenario } from '../scenario.js';
import { type Counts, Tally } from '../tally.js';
import type { Outcome, Task } from './messages.js';
import { WorkerPool, type WorkerPoolOptions } from './worker-pool.js';

export interface CampaignOptions extends WorkerPoolOptions {
  /** Run before all seeds, by name. */
  readonly corpus: readonly { readonly name: string; readonly scenario: Scenario }[];
  readonly baseSeed: number;
  /** Fresh seeds, from the base seed on. */
  readonly runs: number;
  /** Real time after which no more runs begin. */
  readonly forMs?: number;
  readonly twice?: boolean;
  readonly shrinkForMs: number;
  /** After so many no more runs begin; default 3. */
  readonly maxFailures?: number;
  readonly onOutcome?: (outcome: Outcome, soFar: Summary) => void;
}

export interface Summary {
  readonly runs: number;
  readonly failures: readonly { readonly name: string; readonly outcome: Outcome }[];
  readonly faults: Counts;
  readonly checks: Counts;
  readonly events: number;
  /** Virtual time, times the clusters that lived through it. */
  readonly clusterHours: number;
  readonly tookMs: number;
  /** Of single runs, in real time. */
  readonly medianMs: number;
}

export async function runCampaign(options: CampaignOptions): Promise<Summary> {
  const pool = new WorkerPool(options);
  const results = new Results();
  const tasks = tasksOf(options, results);
  try {
    await pool.run(
      () => tasks.next().value ?? undefined,
      (outcome) => {
        results.take(outcome);
        options.onOutcome?.(outcome, results.summary());
      },
    );
    await pool.drain();
  } finally {
    pool.close();
  }
  return results.summary();
}

function* tasksOf(options: CampaignOptions, results: Results): Generator<Task, undefined> {
  const { corpus, baseSeed, runs, forMs, twice = false, shrinkForMs, maxFailures = 3 } = options;
  const endMs = performance.now() + (forMs ?? Number.POSITIVE_INFINITY);
  const task = (scenario: Scenario): Task => ({ scenario, twice, shrinkForMs });
  for (const { name, scenario } of corpus) {
    results.name(scenario, name);
    yield task(scenario);
  }
  for (let i = 0; i < runs && performance.now() < endMs; i++) {
    if (results.failed >= maxFailures) return;
    yield task(planScenario(baseSeed + i));
  }
}

class Results {
  readonly #startedMs = performance.now();
  readonly #faults = new Tally();
  readonly #checks = new Tally();
  readonly #failures: { name: string; outcome: Outcome }[] = [];
  readonly #names = new Map<number, string>();
  readonly #tookMs: number[] = [];
  #events = 0;
  #clusterMs = 0;

  get failed(): number {
    return this.#failures.length;
  }

  name({ seed }: Scenario, name: string): void {
    this.#names.set(seed, name);
  }

  take(outcome: Outcome): void {
    const { seed, breaches, faults, checks, events, simulatedMs, clusters, tookMs } = outcome;
    this.#tookMs.push(tookMs);
    this.#events += events;
    this.#clusterMs += simulatedMs * clusters;
    this.#faults.merge(faults);
    this.#checks.merge(checks);
    if (breaches.length > 0) this.#failures.push({ name: this.#names.get(seed) ?? `seed-${seed}`, outcome });
  }

  summary(): Summary {
    const sorted = this.#tookMs.toSorted((a, b) => a - b);
    return {
      runs: this.#tookMs.length,
      failures: this.#failures,
      faults: this.#faults.counts,
      checks: this.#checks.counts,
      events: this.#events,
      clusterHours: this.#clusterMs / 3_600_000,
      tookMs: performance.now() - this.#startedMs,
      medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
    };
  }
}
