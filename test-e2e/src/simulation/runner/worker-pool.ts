/**
 * Worker processes for scenarios: as many as asked for, each replaced after a number of runs so that what one run
 * leaves behind cannot add up, and at once when it dies, which is a breach of the run it was at.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cpuMsOf, createHangCheck } from './hang.js';
import type { Outcome, Task } from './messages.js';

export interface WorkerPoolOptions {
  readonly workers: number;
  /** For Node, before the script. */
  readonly nodeOptions?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Worker {
  readonly process: ChildProcess;
  runs: number;
}

/** A run leaves more behind than the default of 16 MiB takes, most of it garbage. */
const youngSpace = '--max-semi-space-size=32';
const runsOfOneProcess = 150;
const lookMs = 5000;
const script = fileURLToPath(new URL('./worker.js', import.meta.url));

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<ChildProcess>();

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Takes tasks until there are none, and hands over what came of each; not in order. */
  async run(next: () => Task | undefined, onOutcome: (outcome: Outcome) => void): Promise<void> {
    const lane = async (): Promise<void> => {
      for (let task = next(); task !== undefined; task = next()) onOutcome(await this.#perform(task));
    };
    await Promise.all(Array.from({ length: this.#options.workers }, lane));
  }

  close(): void {
    for (const process of this.#all) process.kill('SIGKILL');
    this.#all.clear();
    this.#idle.length = 0;
  }

  async #perform(task: Task): Promise<Outcome> {
    const worker = this.#idle.pop() ?? this.#start();
    worker.runs++;
    const outcome = await ask(worker.process, task);
    if (worker.process.connected && worker.runs < runsOfOneProcess) this.#idle.push(worker);
    else if (worker.process.connected) worker.process.disconnect(); // it ends by itself, coverage written
    return outcome;
  }

  #start(): Worker {
    const { nodeOptions = [], env = {} } = this.#options;
    const child = fork(script, [], {
      execArgv: [youngSpace, ...nodeOptions],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#all.add(child);
    child.once('exit', () => this.#all.delete(child));
    return { process: child, runs: 0 };
  }

  /** Lets idle processes end by themselves and waits for it. */
  async drain(): Promise<void> {
    for (const { process } of this.#idle.splice(0)) process.disconnect();
    await Promise.all(
      [...this.#all].map((process) => new Promise<void>((resolve) => process.once('exit', () => resolve()))),
    );
  }
}

function ask(child: ChildProcess, task: Task): Promise<Outcome> {
  return new Promise((resolve) => {
    let complaint = '';
    const startedMs = performance.now();
    const hear = (chunk: Buffer): void => {
      complaint = (complaint + String(chunk)).slice(-4000);
    };
    const end = (outcome: Outcome): void => {
      clearInterval(timer);
      child.off('message', onMessage).off('exit', onExit);
      child.stderr?.off('data', hear);
      resolve(outcome);
    };
    const onMessage = (outcome: unknown): void => end(outcome as Outcome); // what worker.ts sends
    const onExit = (code: number | null, signal: string | null): void => {
      const what = `the process of the run ended (${signal ?? code}): ${complaint.trim()}`;
      end(died(task, { what, tookMs: performance.now() - startedMs }));
    };
    const hangs = createHangCheck(() => cpuMsOf(child.pid), task.shrinkForMs);
    const timer = setInterval(() => {
      if (hangs(performance.now())) child.kill('SIGKILL');
    }, lookMs);
    child.stderr?.on('data', hear);
    child.once('message', onMessage).once('exit', onExit);
    child.send(task);
  });
}

function died({ scenario }: Task, { what, tookMs }: { what: string; tookMs: number }): Outcome {
  return {
    seed: scenario.seed,
    breaches: [{ atMs: 0, promise: 'run', what }],
    traceHash: '',
    events: 0,
    simulatedMs: 0,
    clusters: scenario.clusters.length,
    faults: {},
    checks: {},
    tookMs,
    failure: { scenario, stepsBefore: scenario.steps.length, text: what },
  };
}
