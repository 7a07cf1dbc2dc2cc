/**
 * `pods/log`: which container and which lines (PodLogOptions), the reference's words where there is no log, and the
 * lines as plain text, as fast as the client reads.
 */
import {
  type FieldError,
  fieldErrors,
  isObject,
  type KubeObject,
  newBadRequest,
  newInvalid,
  parseTime,
} from '@flotilla/api';
import type { Env } from '@flotilla/kube';
import type { ObjectReader } from '../authentication/object-reader.js';
import { at, textAt } from '../builtin/access.js';
import type { ConnectContext } from '../registry/resource.js';
import type { ApiResponse } from '../server/handler.js';
import type { LogOptions, PodRuntime } from './pod-runtime.js';
import { chooseContainer, findPod, flagOf, statusOfContainer } from './pods.js';
import { sendChunks } from './send-chunks.js';

export interface PodLogDependencies {
  readonly env: Env;
  readonly reader: ObjectReader;
  readonly runtime: PodRuntime;
}

const headers = Object.freeze({ 'content-type': 'text/plain', 'cache-control': 'no-cache, private' });

/** @throws StatusError 400, 404, 422. */
export function podLog(deps: PodLogDependencies, context: ConnectContext): ApiResponse {
  const pod = findPod(deps.reader, context);
  const options = readOptions(context, deps.env.clock.now());
  const container = chooseContainer(pod, context.request.query.get('container') ?? '');
  // Without a node there is nobody to ask; the reference answers with nothing.
  if (textAt(pod, 'spec', 'nodeName') === '') return { status: 200, headers, body: new Uint8Array() };
  refuseWithoutLog(pod, container, options.previous);
  return {
    status: 200,
    headers,
    body: (sink) => {
      const abort = new AbortController();
      sink.onClose(() => abort.abort(new Error('the client went away')));
      sendChunks(deps.runtime.log({ pod, container }, { ...options, signal: abort.signal }), sink);
    },
  };
}

function readOptions(context: ConnectContext, nowMs: number): LogOptions {
  const { query } = context.request;
  const errors: FieldError[] = [];
  const tailLines = integer(query, 'tailLines', { min: 0, errors });
  const limitBytes = integer(query, 'limitBytes', { min: 1, errors });
  const sinceSeconds = integer(query, 'sinceSeconds', { min: 1, errors });
  const sinceTime = query.get('sinceTime') ?? '';
  const stream = query.get('stream') ?? '';
  if (sinceSeconds !== undefined && sinceTime !== '')
    errors.push(fieldErrors.forbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  if (!['', 'All', 'Stdout', 'Stderr'].includes(stream))
    errors.push(fieldErrors.notSupported('stream', stream, ['All', 'Stderr', 'Stdout']));
  if (stream !== '' && stream !== 'All' && tailLines !== undefined)
    errors.push(
      fieldErrors.forbidden('', '`tailLines` and specific `stream` are mutually exclusive for now'),
    );
  if (errors.length > 0)
    throw newInvalid({ group: '', resource: 'PodLogOptions', name: context.name }, errors);
  const sinceMs = sinceSeconds !== undefined ? nowMs - sinceSeconds * 1000 : timeOf(sinceTime);
  return {
    follow: flagOf(context, 'follow'),
    previous: flagOf(context, 'previous'),
    timestamps: flagOf(context, 'timestamps'),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(tailLines !== undefined && { tailLines }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...((stream === 'Stdout' || stream === 'Stderr') && { stream }),
  };
}

function integer(
  query: URLSearchParams,
  name: string,
  { min, errors }: { min: number; errors: FieldError[] },
): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^-?\d{1,15}$/.test(text)) {
    const message = `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`;
    throw newBadRequest(`the query parameter ${name} is no number: ${message}`);
  }
  const value = Number(text);
  const must = min === 0 ? 'must be greater than or equal to 0' : 'must be greater than 0';
  if (value < min) errors.push(fieldErrors.invalid(name, value, must));
  return value;
}

function timeOf(text: string): number | undefined {
  if (text === '') return undefined;
  try {
    return parseTime(text);
  } catch (cause) {
    throw newBadRequest(`the query parameter sinceTime is no RFC 3339 time: ${text}`, { cause });
  }
}

/** What a kubelet says of a container that has no log (pkg/kubelet: validateContainerLogStatus). */
function refuseWithoutLog(pod: KubeObject, container: string, previous: boolean): void {
  const status = statusOfContainer(pod, container);
  const which = `container "${container}" in pod "${pod.metadata.name}"`;
  if (status === undefined) {
    // A kubelet that has just been given the pod says the same of a container that it is about to create.
    throw newBadRequest(
      `${which} is waiting to start: ${isNew(pod) ? 'ContainerCreating' : 'not available'}`,
    );
  }
  const hasLast = isObject(at(status, 'lastState', 'terminated'));
  if (previous) {
    if (!hasLast) throw newBadRequest(`previous terminated ${which} not found`);
    return;
  }
  const isStarted = isObject(at(status, 'state', 'running')) || isObject(at(status, 'state', 'terminated'));
  if (isStarted || hasLast) return;
  const reason = textAt(status, 'state', 'waiting', 'reason');
  if (reason === '') throw newBadRequest(`${which} is waiting to start - no logs yet`);
  throw newBadRequest(`${which} is waiting to start: ${waitingWords[reason] ?? reason}`);
}

function isNew(pod: KubeObject): boolean {
  return ['', 'Pending'].includes(textAt(pod, 'status', 'phase'));
}

const waitingWords: Readonly<Record<string, string>> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
};
