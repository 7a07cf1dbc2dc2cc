/** What every refusal of a command must look like, and the data directories of klusterlets that are refused. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Cluster, Fleet } from './fleet.js';
import { Daemon, eventually, ours, type Result } from './processes.js';

/** One sentence on standard error, no stack trace, and the exit code: 1 failed, 2 used wrongly. */
export function expectRefusal(result: Result, code: 1 | 2, pattern: RegExp): void {
  expect(result.stderr).to.match(pattern);
  expect(result.stderr).not.to.match(/^\s+at /m);
  const errors = result.stderr.split('\n').filter((line) => line.startsWith('error: '));
  expect(errors, result.stderr).to.have.length(1);
  expect(result.code, result.stderr).to.equal(code);
}

let directories = 0;

/** A klusterlet of the test's own, in a new data directory, next to a cluster that others use too. */
export class Joiner {
  readonly dataDir: string;
  readonly #fleet: Fleet;
  readonly #cluster: Cluster;
  readonly #daemon: Daemon;

  constructor(fleet: Fleet, cluster: Cluster) {
    this.#fleet = fleet;
    this.#cluster = cluster;
    directories += 1;
    this.dataDir = join(fleet.directory, `joiner-${directories}`);
    this.#daemon = new Daemon('joiner', 'klusterlet', ['run', '--data-dir', this.dataDir]);
  }

  args(joinString: string, name: string): string[] {
    const { kubeconfig } = this.#cluster;
    return ['join', joinString, '--name', name, '--kubeconfig', kubeconfig, '--data-dir', this.dataDir];
  }

  /** A join that is expected to end by itself. */
  join(joinString: string, name: string, ...more: string[]): Promise<Result> {
    return ours('klusterlet', [...this.args(joinString, name), ...more], { timeoutMs: 20_000 });
  }

  /** A join that goes on. */
  start(joinString: string, name: string, ...more: string[]): void {
    this.#daemon.start([...this.args(joinString, name), ...more]);
  }

  run(): void {
    this.#daemon.start();
  }

  /** The exit code; null: a signal ended it. */
  stop(): Promise<number | null> {
    return this.#daemon.stop();
  }

  get output(): string {
    return this.#daemon.output;
  }

  get isRunning(): boolean {
    return this.#daemon.isRunning;
  }

  /** Joins and is approved. */
  async joined(joinString: string, name: string): Promise<void> {
    this.start(joinString, name);
    const approved = await this.#fleet.hubCommand('approve', name);
    expect(approved.code, approved.stderr + this.output).to.equal(0);
    await eventually('the klusterlet has joined', () => this.output.includes('joined the hub at'));
  }

  command(...args: string[]): Promise<Result> {
    return ours('klusterlet', [...args, '--data-dir', this.dataDir], { timeoutMs: 30_000 });
  }

  /** Nothing of a refused join is left that would bind the directory to a hub or a name. */
  expectFree(): void {
    for (const name of ['config.json', 'bootstrap', 'hub', 'works']) {
      expect(existsSync(join(this.dataDir, name)), `${name} is left`).to.equal(false);
    }
  }
}

/** A join string without a cluster name. */
export async function joinString(fleet: Fleet, ...more: string[]): Promise<string> {
  const made = await fleet.hubCommand('token', 'create', ...more);
  expect(made.code, made.stderr).to.equal(0);
  return made.stdout.trim();
}
