/**
 * `pods/exec` and `pods/attach`: over SPDY/3.1 (v4.channel.k8s.io and older, one SPDY stream for each of a process'
 * streams) and over WebSocket (v5.channel.k8s.io and older, numbered channels). The client learns the end by a Status on
 * the error stream; in the protocols before v4 by the text of the error.
 */
import { isObject, newBadRequest, newInternalError, type Status } from '@flotilla/api';
import { type Channel, type Env, resetStatus, SpdyConnection, type SpdyStream } from '@flotilla/kube';
import type { ObjectReader } from '../authentication/object-reader.js';
import { at } from '../builtin/access.js';
import type { ConnectContext } from '../registry/resource.js';
import type { ApiResponse } from '../server/handler.js';
import { textResponse } from '../server/responses.js';
import { MessageStreams } from './message-streams.js';
import type { ContainerKey, PodRuntime } from './pod-runtime.js';
import { chooseContainer, findPod, flagOf, requireNode, statusOfContainer } from './pods.js';
import {
  chooseSpdyProtocol,
  chooseWebSocketProtocol,
  spdyUpgrade,
  upgradeKind,
  webSocketUpgrade,
} from './upgrade-protocols.js';

export interface RemoteCommandDependencies {
  readonly env: Env;
  readonly reader: ObjectReader;
  readonly runtime: PodRuntime;
}

const webSocketProtocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
];
const spdyProtocols = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];

/** How long the client may take to open its streams, and to go once it was told the end. */
const openTimeoutMs = 30_000;
const leaveTimeoutMs = 10_000;

interface Wanted {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

interface Command {
  readonly key: ContainerKey;
  /** Absent: attach. */
  readonly command?: readonly string[];
  readonly wanted: Wanted;
}

/** @throws StatusError 400, 403, 404. */
export function remoteCommand(
  deps: RemoteCommandDependencies,
  context: ConnectContext,
  kind: 'exec' | 'attach',
): ApiResponse {
  const { query } = context.request;
  const pod = findPod(deps.reader, context);
  const container = chooseContainer(pod, query.get('container') ?? '');
  requireNode(pod);
  const tty = flagOf(context, 'tty');
  const wanted: Wanted = {
    stdin: flagOf(context, 'stdin'),
    stdout: flagOf(context, 'stdout', true),
    stderr: flagOf(context, 'stderr', true) && !tty,
    tty,
  };
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr)
    throw newBadRequest('you must specify at least 1 of stdin, stdout, stderr');
  const command = query.getAll('command');
  if (kind === 'exec' && command.length === 0) throw newBadRequest('you must specify at least one command');
  const upgrade = upgradeKind(context.request);
  if (!isObject(at(statusOfContainer(pod, container), 'state', 'running')))
    return textResponse(500, `container not found ("${container}")`);
  const work: Command = { key: { pod, container }, wanted, ...(kind === 'exec' && { command }) };
  if (upgrade === 'spdy') {
    const protocol = chooseSpdyProtocol(context.request, spdyProtocols);
    return spdyUpgrade(protocol, (channel) => serveSpdy(deps, work, { channel, protocol }));
  }
  const protocol = chooseWebSocketProtocol(context.request, webSocketProtocols);
  const isText = protocol?.includes('base64') ?? false;
  return webSocketUpgrade({ protocol, isText }, (channel) =>
    serveWebSocket(deps, work, { channel, protocol }),
  );
}

/** The options as CONNECT admission sees them. */
export function remoteCommandOptions(context: ConnectContext) {
  const { query } = context.request;
  const command = query.getAll('command');
  return {
    stdin: flagOf(context, 'stdin'),
    stdout: flagOf(context, 'stdout', true),
    stderr: flagOf(context, 'stderr', true),
    tty: flagOf(context, 'tty'),
    ...(query.has('container') && { container: query.get('container') }),
    ...(command.length > 0 && { command }),
  };
}

interface Connection {
  readonly channel: Channel;
  readonly protocol: string | undefined;
}

interface Streams {
  readonly error: Channel;
  readonly stdin: Channel | undefined;
  readonly stdout: Channel | undefined;
  readonly stderr: Channel | undefined;
  readonly resize: Channel | undefined;
}

function serveWebSocket(
  deps: RemoteCommandDependencies,
  work: Command,
  { channel, protocol }: Connection,
): void {
  const abort = new AbortController();
  const isV5 = protocol === 'v5.channel.k8s.io';
  const streams = new MessageStreams(channel, {
    count: 5,
    isText: protocol?.includes('base64') ?? false,
    hasCloseSignal: isV5,
    onClose: () => abort.abort(new Error('the client went away')),
  });
  const { stdin, stdout, stderr, tty } = work.wanted;
  const error = streams.stream(3);
  const opened: Streams = {
    error,
    stdin: stdin ? streams.stream(0) : undefined,
    stdout: stdout ? streams.stream(1) : undefined,
    stderr: stderr ? streams.stream(2) : undefined,
    resize: tty ? streams.stream(4) : undefined,
  };
  // An empty first message tells the client that the connection stands.
  (opened.stdout ?? opened.stderr ?? error).write(new Uint8Array());
  void run(deps, work, { streams: opened, signal: abort.signal, protocol }).then(() => {
    streams.close();
    dropLater(deps.env, channel, abort.signal);
  });
}

function serveSpdy(deps: RemoteCommandDependencies, work: Command, { channel, protocol }: Connection): void {
  const abort = new AbortController();
  const { stdin, stdout, stderr, tty } = work.wanted;
  const hasResize = tty && (protocol === 'v4.channel.k8s.io' || protocol === 'v3.channel.k8s.io');
  const expected = new Set([
    'error',
    ...(stdin ? ['stdin'] : []),
    ...(stdout ? ['stdout'] : []),
    ...(stderr ? ['stderr'] : []),
    ...(hasResize ? ['resize'] : []),
  ]);
  const opened = new Map<string, SpdyStream>();
  const timer = deps.env.clock.setTimer(openTimeoutMs, () =>
    connection.destroy(new Error('the client did not open its streams')),
  );
  const connection = new SpdyConnection(channel, {
    role: 'server',
    onStream: (stream) => {
      const type = stream.headers.get('streamtype') ?? '';
      if (!expected.has(type) || opened.has(type)) {
        stream.reset(resetStatus.refusedStream);
        return;
      }
      stream.accept();
      opened.set(type, stream);
      const error = opened.get('error');
      if (opened.size < expected.size || error === undefined) return;
      timer.cancel();
      const streams: Streams = {
        error,
        stdin: opened.get('stdin'),
        stdout: opened.get('stdout'),
        stderr: opened.get('stderr'),
        resize: opened.get('resize'),
      };
      void run(deps, work, { streams, signal: abort.signal, protocol }).then(() => {
        for (const one of opened.values()) one.end();
        connection.close();
        dropLater(deps.env, channel, abort.signal);
      });
    },
    onClose: () => {
      timer.cancel();
      abort.abort(new Error('the client went away'));
    },
  });
}

/** A client that has been told the end and stays is cut off. */
function dropLater(env: Env, channel: Channel, gone: AbortSignal): void {
  if (gone.aborted) return;
  const timer = env.clock.setTimer(leaveTimeoutMs, () => channel.destroy());
  gone.addEventListener('abort', () => timer.cancel(), { once: true });
}

interface Session {
  readonly streams: Streams;
  readonly signal: AbortSignal;
  readonly protocol: string | undefined;
}

/** Never rejects: what goes wrong is told on the error stream. */
async function run(deps: RemoteCommandDependencies, work: Command, session: Session): Promise<void> {
  const { streams, signal, protocol } = session;
  const { stdin, stdout, stderr, resize } = streams;
  const process = {
    tty: work.wanted.tty,
    signal,
    ...(stdin && { stdin }),
    ...(stdout && { stdout }),
    ...(stderr && { stderr }),
    ...(resize && { resize }),
  };
  let status: Status;
  try {
    const code =
      work.command === undefined
        ? await deps.runtime.attach(work.key, process)
        : await deps.runtime.exec(work.key, work.command, process);
    status = code === 0 ? success : exitStatus(code);
  } catch (error) {
    if (signal.aborted) return;
    const what = work.command === undefined ? 'attaching to container' : 'executing command in container';
    status = newInternalError(
      `error ${what}: ${error instanceof Error ? error.message : String(error)}`,
    ).status;
  }
  const tellsStatus = protocol?.startsWith('v4.') === true || protocol?.startsWith('v5.') === true;
  if (tellsStatus) streams.error.write(Buffer.from(JSON.stringify(status)));
  else if (status.status !== 'Success') streams.error.write(Buffer.from(status.message ?? ''));
}

const success = { metadata: {}, status: 'Success' } as Status; // as metav1.Status is written there: no kind, no code

function exitStatus(code: number): Status {
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  } as unknown as Status; // the reason is one that only streams know
}
