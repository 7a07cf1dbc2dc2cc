/**
 * One run of a simulated container: its own process, its log, its files, the commands that are executed in it. The
 * process is what the container's command says, as far as the shell here knows it, else a server that only waits.
 *
 * It may be made long after the pod's status said that it started: see `own-time.ts`. How its command ended is told, and
 * ends nothing by itself: it is over when the pod's status says so (`finish`).
 */
import type { JsonObject, KubeObject } from '@flotilla/api';
import { type Clock, sleep } from '@flotilla/kube';
import type { ObjectReader } from '../authentication/object-reader.js';
import { listAt, objectsAt, textAt } from '../builtin/access.js';
import type { CommandState } from '../controllers/workloads/command-runs.js';
import type { ProcessStreams } from '../streams/pod-runtime.js';
import {
  createChannelReader,
  createChannelWriter,
  emptyReader,
  nullWriter,
  type Reader,
  type Writer,
} from './byte-io.js';
import { ContainerLog, type OutputName } from './container-log.js';
import { environmentOf, expandReferences, mountsOf } from './container-world.js';
import { FileSystem } from './file-system.js';
import { MainInput } from './main-input.js';
import { OwnTime } from './own-time.js';
import { commandNamed } from './shell/commands.js';
import type { CommandFunction, Process } from './shell/process.js';
import { createTerminal, followSize } from './terminal.js';

export interface ContainerOptions {
  readonly clock: Clock;
  readonly reader: ObjectReader;
  readonly pod: KubeObject;
  /** Its entry in the pod's spec. */
  readonly container: JsonObject;
  /** How often it was started before. */
  readonly attempt: number;
  readonly startedAtMs: number;
  /** It has ended already. */
  readonly finished?: { readonly atMs: number; readonly message: string };
  /** The process of an image that names no command says so much, so often. */
  readonly logEveryMs?: number;
  /** The part of what a log may hold that its may. */
  readonly logShare: () => number;
  /** `outcome` has changed. */
  readonly onOutcome: () => void;
}

/** What the container's process is to do, when that is something that is simulated. */
export function ownCommand(container: JsonObject): CommandFunction | undefined {
  // Arguments alone are a command for images without an entry point of their own, as `kubectl run` uses them.
  const [first] = [...listAt(container, 'command'), ...listAt(container, 'args')];
  return commandNamed(String(first ?? ''));
}

export class Container {
  readonly attempt: number;
  readonly log: ContainerLog;
  readonly #options: ContainerOptions;
  readonly #files: FileSystem;
  readonly #env: Map<string, string>;
  readonly #abort = new AbortController();
  readonly #attached = new Map<OutputName, Set<Writer>>([
    ['Stdout', new Set()],
    ['Stderr', new Set()],
  ]);
  readonly #input: MainInput | undefined;
  readonly #time: OwnTime;
  #outcome: CommandState;
  #hasBeenAttached = false;
  readonly #ended: Promise<void>;
  #tellEnded = (): void => undefined;
  #tellCaughtUp = (): void => undefined;
  readonly #whenCaughtUp: Promise<void>;
  #nextPid = 2;

  constructor(options: ContainerOptions) {
    this.#options = options;
    this.attempt = options.attempt;
    this.log = new ContainerLog(options.logShare);
    this.#outcome = ownCommand(options.container) === undefined ? undefined : 'running';
    const world = { reader: options.reader, pod: options.pod, container: options.container };
    this.#files = new FileSystem(() => mountsOf(world));
    this.#env = environmentOf(world);
    if (options.container['stdin'] === true) {
      this.#input = new MainInput({ endsWithFirst: options.container['stdinOnce'] === true });
    }
    this.#ended = new Promise((resolve) => {
      this.#tellEnded = resolve;
    });
    this.#whenCaughtUp = new Promise((resolve) => {
      this.#tellCaughtUp = resolve;
    });
    const { clock, startedAtMs, finished } = options;
    this.#time = new OwnTime({
      clock,
      signal: this.#abort.signal,
      startedAtMs,
      finishedAtMs: finished?.atMs,
      onFinished: () => this.finish(finished?.message),
      onCaughtUp: () => this.#tellCaughtUp(),
      isWatched: () => this.log.isFollowed || [...this.#attached.values()].some(({ size }) => size > 0),
    });
    void this.#play();
  }

  /** How its own command has ended; `running` before; undefined when nobody can know. */
  get outcome(): CommandState {
    return this.#outcome;
  }

  /** What it wrote before now is in the log. */
  async caughtUp(): Promise<void> {
    await Promise.race([this.#whenCaughtUp, sleep(this.#options.clock, 100)]);
  }

  /** It is over: its process stops, followers of its log and whoever is attached come to the end. */
  finish(message = ''): void {
    if (this.#abort.signal.aborted) return;
    if (message !== '') this.log.append(Buffer.from(`${message}\n`), 'Stderr', this.#time.now());
    this.#abort.abort(new Error('the container has ended'));
    this.log.end(this.#time.now());
    this.#time.catchUp();
    this.#tellEnded();
  }

  /** @throws Error when there is no such command, in the words of the container runtimes. */
  async exec(command: readonly string[], streams: ProcessStreams): Promise<number> {
    const [name = ''] = command;
    const run = commandNamed(name);
    if (run === undefined) {
      const why = name.includes('/')
        ? `stat ${name}: no such file or directory`
        : 'executable file not found in $PATH';
      throw new Error(
        `failed to exec in container: failed to start exec: OCI runtime exec failed: exec failed: unable to start container process: exec: "${name}": ${why}: unknown`,
      );
    }
    return this.#execute(run, command, streams);
  }

  async #execute(run: CommandFunction, command: readonly string[], streams: ProcessStreams): Promise<number> {
    const interrupt = new AbortController();
    const signal = AbortSignal.any([streams.signal, this.#abort.signal, interrupt.signal]);
    const input = streams.stdin === undefined ? undefined : createChannelReader(streams.stdin);
    const output = streams.stdout === undefined ? nullWriter : createChannelWriter(streams.stdout);
    const errors = streams.stderr === undefined ? output : createChannelWriter(streams.stderr);
    const size = { isTerminal: streams.tty, columns: 80, rows: 24 };
    if (streams.resize !== undefined) followSize(streams.resize, size);
    let stdin = input ?? emptyReader;
    let stdout = output;
    if (streams.tty) {
      const interruptible = name(command) !== 'sh' && name(command) !== 'bash' && name(command) !== 'ash';
      const terminal = createTerminal({ input: stdin, output }, () => {
        if (interruptible) interrupt.abort(new Error('interrupted'));
      });
      stdin = terminal.stdin;
      stdout = terminal.stdout;
    }
    const process: Process = {
      ...this.#world(signal),
      pid: this.#nextPid++,
      variables: new Map(this.#env),
      stdin,
      stdout,
      stderr: streams.tty ? stdout : errors,
      terminal: size,
      now: () => this.#options.clock.now(),
      sleep: (ms) => sleep(this.#options.clock, ms, signal),
      pause: () => sleep(this.#options.clock, 1, signal),
    };
    const over = new Promise<number>((resolve) => {
      // 128 and the number of SIGINT or SIGKILL.
      const end = (): void => resolve(interrupt.signal.aborted ? 130 : 137);
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
    });
    try {
      const running = run(command, process).catch((error: unknown) => {
        if (signal.aborted) return over;
        throw error;
      });
      return await Promise.race([running, over]);
    } finally {
      input?.discard();
    }
  }

  /**
   * Follows the container's own process until it ends or the client goes. The first client of one that reads its input
   * is also shown what was written before it came: the prompt, and all of a command that was done in no time.
   */
  async attach(streams: ProcessStreams): Promise<number> {
    const writers: [OutputName, Writer][] = [];
    const output = streams.stdout === undefined ? undefined : createChannelWriter(streams.stdout);
    if (output !== undefined) writers.push(['Stdout', output]);
    if (streams.stderr !== undefined) writers.push(['Stderr', createChannelWriter(streams.stderr)]);
    else if (streams.tty && output !== undefined) writers.push(['Stderr', output]);
    if (this.#input !== undefined && !this.#hasBeenAttached) this.#showPast(writers);
    this.#hasBeenAttached = true;
    for (const [name, writer] of writers) this.#attached.get(name)?.add(writer);
    const input = streams.stdin === undefined ? undefined : createChannelReader(streams.stdin);
    if (streams.resize !== undefined) followSize(streams.resize, { columns: 0, rows: 0 });
    if (input !== undefined && this.#input !== undefined) this.#input.feed(input);
    else input?.discard();
    const gone = new Promise<void>((resolve) => {
      streams.signal.addEventListener('abort', () => resolve(), { once: true });
      if (streams.signal.aborted) resolve();
    });
    await Promise.race([this.#ended, gone]);
    for (const [name, writer] of writers) this.#attached.get(name)?.delete(writer);
    input?.discard();
    return 0;
  }

  #showPast(writers: readonly (readonly [OutputName, Writer])[]): void {
    for (const writer of new Set(writers.map(([, one]) => one))) {
      const streams = writers.filter(([, one]) => one === writer).map(([stream]) => stream);
      void writer.write(this.log.text(streams));
    }
  }

  #world(signal: AbortSignal) {
    return {
      files: this.#files,
      hostname: this.#env.get('HOSTNAME') ?? '',
      state: { folder: textAt(this.#options.container, 'workingDir') || '/' },
      mainOutput: { stdout: this.#output('Stdout'), stderr: this.#output('Stderr') },
      signal,
    };
  }

  async #play(): Promise<void> {
    const { finished, container } = this.#options;
    const { signal } = this.#abort;
    const time = this.#time;
    const process: Process = {
      ...this.#world(signal),
      pid: 1,
      variables: new Map(this.#env),
      stdin: this.#stdin(),
      stdout: this.#output('Stdout'),
      stderr: this.#output('Stderr'),
      terminal: { isTerminal: container['tty'] === true, columns: 80, rows: 24 },
      now: () => time.now(),
      sleep: (ms) => time.sleep(ms),
      pause: () => time.pause(),
      tellUnknown: () => this.#tell(undefined),
    };
    const command = [...listAt(container, 'command'), ...listAt(container, 'args')].map((word) =>
      expandReferences(String(word), this.#env),
    );
    const own = ownCommand(container);
    try {
      if (own === undefined) await this.#serve(process);
      else {
        const code = await own(command, process);
        this.#tellEnded();
        if (this.#outcome === 'running') this.#tell({ code, atMs: time.now() });
      }
      if (finished === undefined) time.catchUp();
      else this.finish(finished.message);
    } catch (error) {
      if (signal.aborted) return;
      const message = error instanceof Error ? error.message : String(error);
      this.log.append(Buffer.from(`${message}\n`), 'Stderr', time.now());
      time.catchUp();
      this.#tell(undefined);
    }
  }

  #tell(outcome: CommandState): void {
    if (this.#outcome !== 'running') return;
    this.#outcome = outcome;
    this.#options.onOutcome();
  }

  /** Who reads what clients type lives in the present. */
  #stdin(): Reader {
    const input = this.#input;
    if (input === undefined) return emptyReader;
    return {
      read: () => {
        this.#time.catchUp();
        return input.read();
      },
    };
  }

  /** The process of an image that the container names no command for. */
  async #serve({ stdout, sleep: wait, signal }: Process): Promise<void> {
    const { pod, container, logEveryMs, finished } = this.#options;
    const containerName = textAt(container, 'name');
    await stdout.write(
      `${containerName}: started from image ${textAt(container, 'image')} in pod ${pod.metadata.name}\n`,
    );
    for (const port of objectsAt(container, 'ports')) {
      await stdout.write(`${containerName}: listening on port ${port['containerPort']}\n`);
    }
    if (logEveryMs === undefined) {
      if (finished === undefined) this.#time.catchUp();
      return;
    }
    for (let count = 1; !signal.aborted; count++) {
      await wait(logEveryMs);
      await stdout.write(`${containerName}: line ${count}\n`);
    }
  }

  #output(stream: OutputName): Writer {
    return {
      write: async (bytes) => {
        const chunk = Buffer.from(bytes);
        this.log.append(chunk, stream, this.#time.now());
        await Promise.all([...(this.#attached.get(stream) ?? [])].map((writer) => writer.write(chunk)));
      },
    };
  }
}

function name(command: readonly string[]): string {
  return command[0] ?? '';
}
