/**
 * The containers of the stand-in cluster, as far as anybody looks at them. What runs, since when and how often is what
 * the pods' statuses say; here is only the inside: logs, commands, ports. NOTHING OF IT RUNS FOR REAL: no image, no
 * program of the host, no network. A container is made when it is first asked for, or when the stand-in kubelet wants to
 * know how its command ends (`commands`), so that pods that only run and nobody looks at cost nothing. It goes with its
 * pod. All logs together are bounded.
 */
import { isObject, type JsonObject, type KubeObject, parseTime, simulationAnnotations } from '@flotilla/api';
import { type Channel, createChannelPair, type Env, keyOf, spawn } from '@flotilla/kube';
import type { ObjectReader } from '../authentication/object-reader.js';
import { at, numberAt, objectsAt, textAt } from '../builtin/access.js';
import type { CommandRuns, CommandState } from '../controllers/workloads/command-runs.js';
import type {
  ContainerKey,
  LogOptions,
  PodHttpAnswer,
  PodHttpRequest,
  PodRuntime,
  ProcessStreams,
} from '../streams/pod-runtime.js';
import { statusOfContainer } from '../streams/pods.js';
import { openChannel } from './byte-io.js';
import { Container, ownCommand } from './container.js';
import { answerHttp, serveHttp } from './container-http.js';

export interface SimulatedRuntimeOptions {
  readonly env: Env;
  readonly reader: ObjectReader;
}

/** By pod uid, then by container and attempt. */
type Containers = Map<string, Map<string, Container>>;

/** The port of the echo protocol (RFC 862). */
const echoPort = 7;

/** So many logs may be as long as a log can be; of more, each may be so much shorter. */
const fullLogs = 32;

export class SimulatedRuntime implements PodRuntime {
  readonly commands: CommandRuns = {
    isPlayed: (container) => ownCommand(container) !== undefined,
    follow: (pod, container) => this.#outcomeOf(pod, container),
    onChange: (fn) => {
      this.#listeners.add(fn);
      return () => void this.#listeners.delete(fn);
    },
  };
  readonly #listeners = new Set<(key: string) => void>();
  #count = 0;
  readonly #options: SimulatedRuntimeOptions;
  readonly #containers: Containers = new Map();
  #stopWatching: (() => void) | undefined;

  constructor(options: SimulatedRuntimeOptions) {
    this.#options = options;
  }

  /** Ends every container. */
  close(): void {
    this.#stopWatching?.();
    for (const uid of [...this.#containers.keys()]) this.#forget(uid);
  }

  async *log(
    { pod, container }: ContainerKey,
    options: LogOptions & { readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const found = this.#container(pod, container, options.previous ? 'previous' : 'current');
    if (found === undefined) return;
    await found.caughtUp();
    yield* found.log.read(options);
  }

  async exec(
    { pod, container }: ContainerKey,
    command: readonly string[],
    streams: ProcessStreams,
  ): Promise<number> {
    return this.#running(pod, container).exec(command, streams);
  }

  async attach({ pod, container }: ContainerKey, streams: ProcessStreams): Promise<number> {
    return this.#running(pod, container).attach(streams);
  }

  dial(pod: KubeObject, port: number): Channel {
    const declared = portOf(pod, port);
    if (declared === undefined) {
      throw new Error(
        `failed to connect to localhost:${port} inside namespace "${pod.metadata.uid}": dial tcp4 127.0.0.1:${port}: connect: connection refused`,
      );
    }
    const [near, far] = createChannelPair();
    const { log } = this.#options.env;
    const isEcho = port === echoPort || declared === 'echo';
    spawn(
      'serve a simulated port',
      () => (isEcho ? echo(far) : serveHttp(far, { podName: pod.metadata.name ?? '', port })),
      { log },
    );
    return near;
  }

  ask(pod: KubeObject, port: number, request: PodHttpRequest): PodHttpAnswer {
    if (portOf(pod, port) === undefined)
      throw new Error(`dial tcp ${textAt(pod, 'status', 'podIP')}:${port}: connect: connection refused`);
    return answerHttp({ podName: pod.metadata.name ?? '', port }, request);
  }

  #outcomeOf(pod: KubeObject, container: JsonObject): CommandState {
    if (ownCommand(container) === undefined) return undefined;
    const name = textAt(container, 'name');
    if (!isObject(at(statusOfContainer(pod, name), 'state', 'running'))) return 'running'; // or will be
    const found = this.#container(pod, name, 'current');
    return found === undefined ? 'running' : found.outcome;
  }

  #running(pod: KubeObject, name: string): Container {
    const found = this.#container(pod, name, 'current');
    if (found === undefined) throw new Error(`container not found ("${name}")`);
    return found;
  }

  #container(pod: KubeObject, name: string, which: 'current' | 'previous'): Container | undefined {
    const run = runOf(pod, name, which);
    const spec = specOf(pod, name);
    if (run === undefined || spec === undefined) return undefined;
    this.#watch();
    const { uid = '' } = pod.metadata;
    const known = this.#containers.get(uid) ?? new Map<string, Container>();
    const key = `${name}/${run.attempt}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const { env, reader } = this.#options;
    const nowMs = env.clock.now();
    const every = Number(pod.metadata.annotations?.[simulationAnnotations.logEverySeconds] ?? 0);
    const made = new Container({
      clock: env.clock,
      reader,
      pod,
      container: spec,
      ...run,
      // The status knows whole seconds.
      ...(run.finished === undefined && nowMs - run.startedAtMs < 1000 && { startedAtMs: nowMs }),
      logShare: () => Math.min(fullLogs / this.#count, 1),
      onOutcome: () => {
        for (const listener of this.#listeners) listener(keyOf(pod));
      },
      ...(every > 0 && { logEveryMs: Math.max(every * 1000, 10) }),
    });
    known.set(key, made);
    this.#count++;
    this.#containers.set(uid, known);
    return made;
  }

  /** From the first container on. */
  #watch(): void {
    this.#stopWatching ??= this.#options.reader.onChange('', 'pods', ({ type, object }) => {
      const { uid = '' } = object.metadata;
      const known = this.#containers.get(uid);
      if (known === undefined) return;
      if (type === 'DELETED') this.#forget(uid);
      else this.#follow(object, known);
    });
  }

  /** Ends what its pod says has ended. */
  #follow(pod: KubeObject, known: Map<string, Container>): void {
    for (const [key, container] of known) {
      const name = key.slice(0, key.lastIndexOf('/'));
      const run = runOf(pod, name, 'current');
      if (run?.attempt === container.attempt && run.finished === undefined) continue;
      const last = run?.attempt === container.attempt ? run : runOf(pod, name, 'previous');
      container.finish(last?.attempt === container.attempt ? last.finished?.message : '');
      // As a kubelet keeps them: the last run and the one before it.
      if (run === undefined || container.attempt >= run.attempt - 1) continue;
      known.delete(key);
      this.#count--;
    }
  }

  #forget(uid: string): void {
    const known = this.#containers.get(uid);
    for (const container of known?.values() ?? []) container.finish();
    this.#count -= known?.size ?? 0;
    this.#containers.delete(uid);
  }
}

async function echo(channel: Channel): Promise<void> {
  const { reader, writer } = openChannel(channel);
  for (let chunk = await reader.read(); chunk !== undefined; chunk = await reader.read())
    await writer.write(chunk);
  channel.end();
}

interface Run {
  readonly attempt: number;
  readonly startedAtMs: number;
  readonly finished?: { readonly atMs: number; readonly message: string };
}

/** What the status says of the container's last run, or of the one before. */
function runOf(pod: KubeObject, name: string, which: 'current' | 'previous'): Run | undefined {
  const status = statusOfContainer(pod, name);
  const count = numberAt(status, 'restartCount');
  const running = at(status, 'state', 'running');
  const terminated = at(status, 'state', 'terminated');
  const last = at(status, 'lastState', 'terminated');
  const isWaiting = !isObject(running) && !isObject(terminated);
  if (which === 'previous' || isWaiting) {
    // While it waits for its next run the count is that of the last one.
    return isObject(last) ? ended(last, isWaiting ? count : count - 1) : undefined;
  }
  if (isObject(running)) return { attempt: count, startedAtMs: parseTime(textAt(running, 'startedAt')) };
  return isObject(terminated) ? ended(terminated, count) : undefined;
}

function ended(terminated: object, attempt: number): Run {
  const atMs = parseTime(textAt(terminated, 'finishedAt'));
  const startedAtMs = parseTime(textAt(terminated, 'startedAt'));
  return { attempt, startedAtMs, finished: { atMs, message: textAt(terminated, 'message') } };
}

function specOf(pod: KubeObject, name: string) {
  return ['containers', 'initContainers', 'ephemeralContainers']
    .flatMap((list) => objectsAt(pod, 'spec', list))
    .find((container) => container['name'] === name);
}

/** The name of a declared port, possibly empty; undefined when no container declares it. */
function portOf(pod: KubeObject, port: number): string | undefined {
  const found = objectsAt(pod, 'spec', 'containers')
    .flatMap((container) => objectsAt(container, 'ports'))
    .find((one) => one['containerPort'] === port);
  return found === undefined ? undefined : textAt(found, 'name');
}
