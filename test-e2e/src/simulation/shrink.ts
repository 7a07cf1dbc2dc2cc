/**
 * Cuts a failed scenario down to what it needs to fail: steps are left out in ever smaller groups, then clusters that
 * no step names, then the items of works, then the time between steps. What is left still breaks the same promise.
 */
import type { RunResult } from './run-scenario.js';
import type { Scenario, Step } from './scenario.js';

export interface Failed {
  readonly scenario: Scenario;
  readonly result: RunResult;
}

export interface ShrinkOptions {
  readonly run: (scenario: Scenario) => Promise<RunResult>;
  /** Asked before every attempt. */
  readonly mayGoOn: () => boolean;
}

/** Resolves with the shortest found so far when it may not go on. */
export async function shrink(failed: Failed, options: ShrinkOptions): Promise<Failed> {
  const shrinker = new Shrinker(failed, options);
  await shrinker.dropSteps();
  await shrinker.dropClusters();
  await shrinker.dropItems();
  await shrinker.shorten();
  await shrinker.dropSteps();
  return shrinker.least;
}

class Shrinker {
  least: Failed;
  readonly #promise: string | undefined;
  readonly #options: ShrinkOptions;

  constructor(failed: Failed, options: ShrinkOptions) {
    this.least = failed;
    this.#promise = failed.result.breaches[0]?.promise;
    this.#options = options;
  }

  get #steps(): readonly Step[] {
    return this.least.scenario.steps;
  }

  /** What comes after the breach goes first. */
  async dropSteps(): Promise<void> {
    for (let size = Math.ceil(this.#steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let end = this.#steps.length; end > 0; ) {
        const from = Math.max(0, end - size);
        await this.#try({ steps: without(this.#steps, from, end - from) });
        end = Math.min(from, this.#steps.length);
      }
    }
  }

  async dropClusters(): Promise<void> {
    for (const cluster of this.least.scenario.clusters) {
      const text = JSON.stringify(this.#steps);
      const { clusters } = this.least.scenario;
      if (clusters.length === 1 || text.includes(`"${cluster.name}"`) || text.includes(`-${cluster.name}"`))
        continue;
      await this.#try({ clusters: clusters.filter(({ name }) => name !== cluster.name) });
    }
  }

  async dropItems(): Promise<void> {
    for (let at = 0; at < this.#steps.length; at++) {
      for (let index = 0; ; ) {
        const step = this.#steps[at];
        if (step?.do !== 'apply' || step.plan.items.length === 1 || index >= step.plan.items.length) break;
        const items = step.plan.items.filter((_, i) => i !== index);
        const isTaken = await this.#try({
          steps: this.#steps.with(at, { ...step, plan: { ...step.plan, items } }),
        });
        if (!isTaken) index++;
      }
    }
  }

  async shorten(): Promise<void> {
    for (let at = 0; at < this.#steps.length; at++) {
      for (const factor of [0, 0.1, 0.5]) {
        const step = this.#steps[at];
        if (step === undefined || step.thenMs <= 1) break;
        const thenMs = Math.round(step.thenMs * factor);
        if (await this.#try({ steps: this.#steps.with(at, { ...step, thenMs }) })) break;
      }
    }
  }

  async #try(change: Partial<Scenario>): Promise<boolean> {
    if (!this.#options.mayGoOn()) return false;
    const scenario = { ...this.least.scenario, ...change };
    const result = await this.#options.run(scenario);
    if (result.breaches[0]?.promise !== this.#promise) return false;
    this.least = { scenario, result };
    return true;
  }
}

/** Time passes all the same where steps are left out. */
function without(steps: readonly Step[], from: number, size: number): Step[] {
  const left = steps.slice(from, from + size).reduce((sum, { thenMs }) => sum + thenMs, 0);
  const kept = [...steps.slice(0, from), ...steps.slice(from + size)];
  const before = kept[from - 1];
  if (before !== undefined) kept[from - 1] = { ...before, thenMs: before.thenMs + left };
  return kept;
}
