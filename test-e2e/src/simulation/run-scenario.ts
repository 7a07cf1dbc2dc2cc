/**
 * Runs one scenario from beginning to end: its steps with the promises checked after each, then peace, and the wait
 * for convergence in bounded time, then a rest in which nothing but heartbeats may be written.
 */
import { Bounds } from './bounds.js';
import { findProblems } from './convergence.js';
import { Drifts } from './drifts.js';
import { faultOf, type Scenario, type Step } from './scenario.js';
import { takeStep } from './take-step.js';
import type { Counts } from './tally.js';
import { User } from './user.js';
import { type Breach, World } from './world.js';

export interface RunResult {
  readonly breaches: readonly Breach[];
  /** Over every durable change and its time. */
  readonly traceHash: string;
  /** Steps as they went, with the virtual time. */
  readonly steps: readonly string[];
  readonly log: readonly string[];
  readonly events: number;
  /** Virtual time, without that in which all machines slept. */
  readonly simulatedMs: number;
  readonly faults: Counts;
  readonly checks: Counts;
}

/** Backoffs are 240 s at most; works that vanished from the hub are missed for an hour. */
const convergenceLimitMs = 100 * 60_000;
/** After which everybody has tried to reach everybody again: watches come back after 30 s at most. */
const comeBackMs = 45_000;
/** Last retries, of corrections for instance, that change nothing that is promised. */
const calmMs = 120_000;
const restMs = 8 * 60_000;
/** What may be written while nothing happens: leases, renewals of certificates, and the end of join tokens that nobody needed. */
const heartbeats = /\/leases\/|\/certificatesigningrequests\/|\/secrets\/kube-system\/bootstrap-token-/;
/** Checked at least so often while time passes. */
const checkEveryMs = 30_000;

export async function runScenario(scenario: Scenario): Promise<RunResult> {
  return new Run(scenario).run();
}

class Run {
  readonly #scenario: Scenario;
  readonly #world: World;
  readonly #user: User;
  readonly #drifts: Drifts;
  readonly #bounds: Bounds;
  readonly #steps: string[] = [];

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#world = new World(scenario);
    this.#user = new User(this.#world);
    this.#drifts = new Drifts(this.#world);
    this.#bounds = new Bounds(this.#world);
  }

  async run(): Promise<RunResult> {
    const world = this.#world;
    try {
      await world.start();
      for (const step of this.#scenario.steps) {
        if (world.breaches.length > 0) break;
        await this.#take(step);
        this.#drifts.judge(); // an outage may be over before the next look
        await this.#pass(step.thenMs);
      }
      if (world.breaches.length === 0) await this.#converge();
      if (world.breaches.length === 0) await this.#rest();
    } catch (error) {
      world.breach('run', error instanceof Error ? (error.stack ?? error.message) : String(error));
    } finally {
      world.close();
    }
    return {
      breaches: world.breaches,
      traceHash: world.observer.trace.hash,
      steps: this.#steps,
      log: world.env.log.entries.map((entry) => JSON.stringify(entry, errorAsText)),
      events: world.observer.trace.events,
      simulatedMs: Math.round(world.livedMs),
      faults: world.faults.counts,
      checks: world.checks.counts,
    };
  }

  async #take(step: Step): Promise<void> {
    const world = this.#world;
    const at = (world.clock.monotonicMs() / 1000).toFixed(3);
    const { thenMs, ...what } = step;
    const index = this.#steps.push(`${at} ${JSON.stringify(what)}`) - 1;
    const fault = faultOf(step);
    if (fault !== undefined) world.faults.add(fault);
    const told = takeStep(step, { world, user: this.#user, drifts: this.#drifts });
    if (told === undefined) return;
    this.#steps[index] += ` -> ${await this.#whileTimePasses(told)}`;
  }

  async #pass(durationMs: number): Promise<void> {
    const { clock } = this.#world;
    const untilMs = clock.monotonicMs() + durationMs;
    do {
      await clock.advance(Math.min(checkEveryMs, untilMs - clock.monotonicMs()));
      await this.#check();
    } while (clock.monotonicMs() < untilMs && this.#world.breaches.length === 0);
  }

  async #check(): Promise<void> {
    this.#drifts.judge();
    this.#bounds.judge();
    if (this.#world.hub.canTell) this.#user.judge(await this.#world.listWorks());
  }

  async #converge(): Promise<void> {
    const world = this.#world;
    this.#note('peace');
    world.mend();
    const endMs = world.clock.monotonicMs() + convergenceLimitMs;
    await this.#pass(comeBackMs);
    world.model.hub.settle();
    for (let pauseMs = 1000; ; pauseMs = Math.min(pauseMs * 1.5, 60_000)) {
      const busy = world.clusters.filter(({ name }) => world.operator.isBusyWith(name));
      const problems = await findProblems(world);
      problems.push(...busy.map(({ name }) => `${name}: an operator is still at work`));
      if (problems.length === 0) break;
      await this.#whileTimePasses(world.operator.confirmHeldDeletions());
      if (world.clock.monotonicMs() > endMs) {
        for (const problem of problems) world.breach('P2/P6', problem);
        return;
      }
      await this.#pass(pauseMs);
      if (world.breaches.length > 0) return;
    }
    this.#note('converged');
  }

  async #rest(): Promise<void> {
    const world = this.#world;
    await this.#pass(calmMs);
    world.checks.add('at rest');
    world.observer.trace.changed.clear();
    await this.#pass(restMs);
    for (const key of world.observer.trace.changed) {
      if (!heartbeats.test(key)) world.breach('rest', `${key} was written although nothing had happened`);
    }
    for (const problem of await findProblems(world)) {
      world.breach('P2/P6', `after it had converged: ${problem}`);
    }
    this.#note('rested');
  }

  #note(what: string): void {
    this.#steps.push(`${(this.#world.clock.monotonicMs() / 1000).toFixed(3)} ${what}`);
  }

  async #whileTimePasses<T>(promise: Promise<T>): Promise<T> {
    let isDone = false;
    const done = promise.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined); // awaited below
    const { clock } = this.#world;
    await clock.settle();
    const endMs = clock.monotonicMs() + 60_000;
    while (!isDone && clock.monotonicMs() < endMs) await clock.advance(1);
    if (!isDone) throw new Error('a request had no answer within a minute');
    return done;
  }
}

function errorAsText(_: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}
