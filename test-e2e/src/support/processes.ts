/** Real processes of the real commands: started, watched, killed by their own id, and never left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

export type CommandName = 'hub' | 'klusterlet' | 'apiserver';

export function binPath(name: CommandName): string {
  return join(root, 'packages', name, 'bin', `${name}.js`);
}

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly cwd?: string;
}

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 60_000,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += String(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += String(chunk);
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.on('error', () => undefined); // it may end without reading
    child.stdin.end(options.input ?? '');
  });
}

/** Runs one of our commands to its end. */
export function ours(name: CommandName, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  return run(process.execPath, [binPath(name), ...args], options);
}

/** A command of ours that stays. */
export class Daemon {
  readonly name: string;
  readonly #command: CommandName;
  readonly args: readonly string[];
  /** What runs it, in its place: `ip netns exec …` for one. It has to become the command, as exec does. */
  launcher: readonly string[] = [];
  #child: ChildProcess | undefined;
  #output = '';

  constructor(name: string, command: CommandName, args: readonly string[]) {
    this.name = name;
    this.#command = command;
    this.args = args;
  }

  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** `env`: besides that of this process. */
  start(args: readonly string[] = this.args, env: Readonly<Record<string, string>> = {}): void {
    const [program = '', ...rest] = [...this.launcher, process.execPath, binPath(this.#command), ...args];
    const child = spawn(program, rest, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const take = (chunk: Buffer): void => {
      this.#output = (this.#output + String(chunk)).slice(-100_000);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    this.#child = child;
  }

  /** Sends the signal and waits for the end; the exit code, or null when the signal ended it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return child?.exitCode ?? null;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(timer);
    return child.exitCode;
  }
}

/** A program that prints line after line until it is stopped, `kubectl get --watch` for one. */
export class Follower {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #rest = '';
  #errors = '';

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + String(chunk)).split('\n');
      this.#rest = lines.pop() ?? '';
      this.#lines.push(...lines);
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors += String(chunk);
    });
  }

  /** The next line. @throws Error when there is none in time. */
  line(): Promise<string> {
    return eventually('another line', () => {
      if (this.#lines.length === 0 && this.#child.exitCode !== null) throw new Error(this.#errors);
      return this.#lines.shift();
    });
  }

  /** The lines that were not asked for. */
  get rest(): readonly string[] {
    return this.#lines;
  }

  /** Waits until it ends by itself; what it complained of. */
  async end(): Promise<string> {
    await eventually('the end of the program', () => this.#child.exitCode !== null);
    return this.#errors;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => this.#child.once('close', () => resolve()));
    this.#child.kill('SIGTERM');
    await ended;
  }
}

/** Calls `fn` for each, a few at a time: where each call is a process, more would only queue. */
export async function eachOf<T>(items: readonly T[], fn: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await fn(item);
  };
  await Promise.all([worker(), worker(), worker()]);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Thrown by a check of `eventually`: waiting longer changes nothing. */
export class HopelessError extends Error {
  override readonly name = 'HopelessError';
}

/** Waits until `check` gives something but undefined or false. A failure tells the last error. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  options: { timeoutMs?: number; stepMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + (options.timeoutMs ?? 30_000);
  let last = '';
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      if (error instanceof HopelessError) throw error;
      last = error instanceof Error ? error.message : String(error);
    }
    if (Date.now() > deadline) throw new Error(`${what} did not come true${last === '' ? '' : `: ${last}`}`);
    await pause(options.stepMs ?? 50);
  }
}
