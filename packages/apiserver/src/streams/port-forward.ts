/**
 * `pods/portforward`: SPDY/3.1 with a pair of streams (data, error) for each connection, bare or inside a WebSocket
 * (`SPDY/3.1+portforward.k8s.io`), and the older WebSocket form with two numbered channels for each asked port.
 */

import type { KubeObject } from '@flotilla/api';
import { newBadRequest } from '@flotilla/api';
import {
  type Channel,
  type Env,
  joinChannels,
  resetStatus,
  SpdyConnection,
  type SpdyStream,
  type Timer,
} from '@flotilla/kube';
import type { ObjectReader } from '../authentication/object-reader.js';
import { textAt } from '../builtin/access.js';
import type { ConnectContext } from '../registry/resource.js';
import type { ApiResponse } from '../server/handler.js';
import { textResponse } from '../server/responses.js';
import { MessageStreams } from './message-streams.js';
import type { PodRuntime } from './pod-runtime.js';
import { findPod, requireNode } from './pods.js';
import {
  chooseSpdyProtocol,
  chooseWebSocketProtocol,
  spdyUpgrade,
  upgradeKind,
  webSocketUpgrade,
} from './upgrade-protocols.js';

export interface PortForwardDependencies {
  readonly env: Env;
  readonly reader: ObjectReader;
  readonly runtime: PodRuntime;
}

const spdyProtocol = 'portforward.k8s.io';
const tunnelProtocol = `SPDY/3.1+${spdyProtocol}`;
const channelProtocols = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];
/** For the second stream of a pair. */
const pairTimeoutMs = 30_000;

/** @throws StatusError 400, 403, 404. */
export function portForward(deps: PortForwardDependencies, context: ConnectContext): ApiResponse {
  const { request } = context;
  const pod = findPod(deps.reader, context);
  requireNode(pod);
  const upgrade = upgradeKind(request);
  const phase = textAt(pod, 'status', 'phase');
  if (phase !== 'Running')
    return textResponse(500, `unable to forward port because pod is not running. Current status=${phase}`);
  if (upgrade === 'spdy') {
    const protocol = chooseSpdyProtocol(request, [spdyProtocol]);
    return spdyUpgrade(protocol ?? spdyProtocol, (channel) => serveSpdy(deps, pod, channel));
  }
  const protocol = chooseWebSocketProtocol(request, [tunnelProtocol, ...channelProtocols]);
  if (protocol === tunnelProtocol) {
    return webSocketUpgrade({ protocol, isText: false }, (channel) => serveSpdy(deps, pod, channel));
  }
  const ports = portsOf(context);
  if (ports.length === 0) throw newBadRequest('query parameter "port" is required');
  const isText = protocol?.includes('base64') ?? false;
  return webSocketUpgrade({ protocol, isText }, (channel) =>
    serveChannels(deps, pod, { channel, ports, isText }),
  );
}

/** The options as CONNECT admission sees them. */
export function portForwardOptions(context: ConnectContext) {
  const ports = portsOf(context);
  return ports.length === 0 ? {} : { ports };
}

/** @throws StatusError 400 when one is no port number. */
function portsOf({ request }: ConnectContext): number[] {
  const texts = [...request.query.getAll('ports'), ...request.query.getAll('port')];
  return texts
    .flatMap((text) => text.split(','))
    .map((text) => {
      const port = portNumber(text);
      if (port === undefined) throw newBadRequest(`unable to parse "${text}" as a port`);
      return port;
    });
}

function portNumber(text: string): number | undefined {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port > 0 && port < 65_536 ? port : undefined;
}

interface Pair {
  readonly port: number;
  data: SpdyStream | undefined;
  error: SpdyStream | undefined;
  readonly timer: Timer;
}

function serveSpdy({ env, runtime }: PortForwardDependencies, pod: KubeObject, channel: Channel): void {
  const pairs = new Map<string, Pair>();
  const expire = (id: string): void => {
    const pair = pairs.get(id);
    pairs.delete(id);
    for (const stream of [pair?.data, pair?.error]) stream?.reset(resetStatus.cancel);
  };
  new SpdyConnection(channel, {
    role: 'server',
    onStream: (stream) => {
      const type = stream.headers.get('streamtype');
      const port = portNumber(stream.headers.get('port') ?? '');
      if (port === undefined || (type !== 'data' && type !== 'error')) {
        stream.reset(resetStatus.refusedStream);
        return;
      }
      // Old clients send no id: their data stream comes right after its error stream.
      const id = stream.headers.get('requestid') ?? String(type === 'error' ? stream.id : stream.id - 2);
      let pair = pairs.get(id);
      if (pair === undefined) {
        pair = {
          port,
          data: undefined,
          error: undefined,
          timer: env.clock.setTimer(pairTimeoutMs, () => expire(id)),
        };
        pairs.set(id, pair);
      }
      if (pair[type] !== undefined) {
        stream.reset(resetStatus.streamInUse);
        return;
      }
      stream.accept();
      pair[type] = stream;
      if (pair.data === undefined || pair.error === undefined) return;
      pair.timer.cancel();
      pairs.delete(id);
      forward(runtime, pod, { port: pair.port, data: pair.data, error: pair.error });
    },
    onClose: () => {
      for (const { timer } of pairs.values()) timer.cancel();
      pairs.clear();
    },
  });
}

function serveChannels(
  { runtime }: PortForwardDependencies,
  pod: KubeObject,
  { channel, ports, isText }: { channel: Channel; ports: readonly number[]; isText: boolean },
): void {
  const streams = new MessageStreams(channel, {
    count: 2 * ports.length,
    isText,
    hasCloseSignal: false,
    onClose: () => undefined, // each channel is told
  });
  for (const [index, port] of ports.entries()) {
    const [data, error] = [streams.stream(2 * index), streams.stream(2 * index + 1)];
    // Each channel begins with the port that it is for.
    const intro = Buffer.alloc(2);
    intro.writeUInt16LE(port);
    data.write(intro);
    error.write(intro);
    forward(runtime, pod, { port, data, error });
  }
}

function forward(
  runtime: PodRuntime,
  pod: KubeObject,
  { port, data, error }: { port: number; data: Channel; error: Channel },
): void {
  let target: Channel;
  try {
    target = runtime.dial(pod, port);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const { uid } = pod.metadata;
    error.write(Buffer.from(`error forwarding port ${port} to pod ${uid}, uid : ${why}`));
    error.end();
    data.listen({ onData: () => undefined }); // thrown away: nobody takes it
    data.end();
    return;
  }
  error.end();
  joinChannels(data, target);
}
