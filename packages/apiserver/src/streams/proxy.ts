/**
 * `pods/proxy`, `services/proxy` and `nodes/proxy`: an HTTP request is passed on to what listens in the simulated pod,
 * or to the little that the stand-in kubelet answers. Names may say scheme and port (`https:web:8080`).
 */
import { type KubeObject, newBadRequest, newNotFound, newStatusError } from '@flotilla/api';
import type { ObjectReader } from '../authentication/object-reader.js';
import { objectAt, objectsAt, textAt } from '../builtin/access.js';
import type { ConnectContext } from '../registry/resource.js';
import type { ApiResponse } from '../server/handler.js';
import { jsonResponse, textResponse } from '../server/responses.js';
import type { PodRuntime } from './pod-runtime.js';
import { findPod } from './pods.js';
import { sendChunks } from './send-chunks.js';

export interface ProxyDependencies {
  readonly reader: ObjectReader;
  readonly runtime: PodRuntime;
}

/** @throws StatusError 400, 404, 503. */
export function proxyPod(deps: ProxyDependencies, context: ConnectContext): ApiResponse {
  const { name, port } = splitName(context.name);
  const pod = findPod(deps.reader, { namespace: context.namespace, name });
  const first = objectsAt(pod, 'spec', 'containers').flatMap((container) => objectsAt(container, 'ports'))[0];
  return relay(deps, pod, { context, port: portNumber(port || String(first?.['containerPort'] ?? 80)) });
}

/** @throws StatusError 400, 404, 503. */
export function proxyService(deps: ProxyDependencies, context: ConnectContext): ApiResponse {
  const { namespace = '' } = context;
  const { name, port } = splitName(context.name);
  const service = deps.reader.get('', 'services', { namespace, name });
  if (service === undefined) throw newNotFound({ group: '', resource: 'services', name });
  const ports = objectsAt(service, 'spec', 'ports');
  const chosen =
    port === '' && ports.length === 1
      ? ports[0]
      : ports.find((one) => one['name'] === port || String(one['port']) === port);
  const unavailable = `no endpoints available for service "${context.name}"`;
  if (chosen === undefined)
    throw newStatusError(503, 'ServiceUnavailable', {
      message: `no service port "${port}" found for service "${name}"`,
    });
  const selector = Object.entries(objectAt(service, 'spec', 'selector'));
  const pod = deps.reader
    .list('', 'pods', namespace)
    .find(
      (one) =>
        selector.length > 0 &&
        isReady(one) &&
        selector.every(([key, value]) => one.metadata.labels?.[key] === value),
    );
  if (pod === undefined) throw newStatusError(503, 'ServiceUnavailable', { message: unavailable });
  const target = chosen['targetPort'] ?? chosen['port'];
  return relay(deps, pod, {
    context,
    port: typeof target === 'number' ? target : namedPort(pod, String(target)),
  });
}

/** @throws StatusError 404. */
export function proxyNode(deps: ProxyDependencies, context: ConnectContext): ApiResponse {
  const { name } = splitName(context.name);
  if (deps.reader.get('', 'nodes', { name }) === undefined)
    throw newNotFound({ group: '', resource: 'nodes', name });
  switch (context.rest.replace(/\/+$/, '')) {
    case '/healthz':
      return textResponse(200, 'ok');
    case '/pods': {
      const items = deps.reader.list('', 'pods').filter((pod) => textAt(pod, 'spec', 'nodeName') === name);
      return jsonResponse(200, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
    }
    default:
      return textResponse(404, '404 page not found\n');
  }
}

function relay(
  { runtime }: ProxyDependencies,
  pod: KubeObject,
  { context, port }: { context: ConnectContext; port: number },
): ApiResponse {
  const { request, rest } = context;
  const query = request.query.toString();
  const search = query === '' ? '' : `?${query}`;
  if (rest === '' && (request.method === 'GET' || request.method === 'HEAD')) {
    return { status: 301, headers: { location: `${request.path}/${search}` }, body: new Uint8Array() };
  }
  const answer = answerOf(runtime, pod, {
    port,
    method: request.method,
    target: `${rest || '/'}${search}`,
    body: request.body,
  });
  const headers = { 'content-type': answer.contentType, 'x-pod-name': pod.metadata.name ?? '' };
  return { status: answer.status, headers, body: (sink) => sendChunks(answer.body, sink) };
}

function answerOf(
  runtime: PodRuntime,
  pod: KubeObject,
  { port, method, target, body }: { port: number; method: string; target: string; body: Uint8Array },
) {
  try {
    return runtime.ask(pod, port, { method, target, body: once(body) });
  } catch (cause) {
    const message = `error trying to reach service: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw newStatusError(503, 'ServiceUnavailable', { message, cause });
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/** `name`, `name:port`, `scheme:name:port`. */
function splitName(text: string): { readonly name: string; readonly port: string } {
  const parts = text.split(':');
  if (parts.length === 3) return { name: parts[1] ?? '', port: parts[2] ?? '' };
  if (parts.length <= 2) return { name: parts[0] ?? '', port: parts[1] ?? '' };
  throw newBadRequest(`invalid proxy request "${text}"`);
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port === 0 || port > 65_535) throw newBadRequest(`invalid port "${text}"`);
  return port;
}

function namedPort(pod: KubeObject, name: string): number {
  const found = objectsAt(pod, 'spec', 'containers')
    .flatMap((container) => objectsAt(container, 'ports'))
    .find((port) => port['name'] === name);
  return typeof found?.['containerPort'] === 'number' ? found['containerPort'] : 0;
}

function isReady(pod: KubeObject): boolean {
  return objectsAt(pod, 'status', 'conditions').some(
    (one) => one['type'] === 'Ready' && one['status'] === 'True',
  );
}
