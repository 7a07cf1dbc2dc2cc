/**
 * The one KubeClient: turns calls on resources into HTTP exchanges and answers into objects or StatusErrors.
 * No state, no retries, no cache. Called by everything that talks to a Kubernetes API.
 */
import { isObject, type KubeList, type KubeObject, newInternalError } from '@flotilla/api';
import type {
  CallOptions,
  DeleteOptions,
  KubeClient,
  ListOptions,
  ObjectKey,
  PatchOptions,
  PatchType,
  ResourceRef,
  WatchOptions,
  WriteOptions,
} from './client.js';
import { queryString, resourcePath } from './paths.js';
import { parseFailure } from './status-response.js';
import type { Transport, TransportRequest, TransportResponse } from './transport.js';
import { readWatchStream } from './watch-stream.js';

export interface ClientOptions {
  /** Default `flotilla`. */
  readonly userAgent?: string;
  /** Limit of a call that gives none; default 30,000. */
  readonly timeoutMs?: number;
  /** Longest watch event that is taken; default 16 MiB, several times what an API server accepts as an object. */
  readonly maxWatchEventBytes?: number;
  /** Gets the text of each `Warning` header. */
  readonly onWarning?: (text: string) => void;
}

type Headers = Readonly<Record<string, string | readonly string[]>>;

interface ClientState {
  readonly transport: Transport;
  readonly headers: Headers;
  readonly timeoutMs: number;
  readonly maxWatchEventBytes: number;
  readonly onWarning: ((text: string) => void) | undefined;
}

interface Call {
  readonly method: TransportRequest['method'];
  readonly path: string;
  readonly options: CallOptions | undefined;
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: unknown;
  /** A watch: no limit on the whole exchange. */
  readonly endless?: boolean;
}

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export function createClient(transport: Transport, options: ClientOptions = {}): KubeClient {
  return clientOf({
    transport,
    headers: { 'user-agent': options.userAgent ?? 'flotilla' },
    timeoutMs: options.timeoutMs ?? 30_000,
    maxWatchEventBytes: options.maxWatchEventBytes ?? 16 * 1024 * 1024,
    onWarning: options.onWarning,
  });
}

function clientOf(state: ClientState): KubeClient {
  return {
    transport: state.transport,
    get: (ref, key, options) => {
      const path = resourcePath(ref, { ...key, ...subresourceOf(options) });
      return callJson(state, { method: 'GET', path, options });
    },
    list: (ref, options) => list(state, ref, options),
    create: (ref, object, options) => write(state, 'POST', { ref, object, options }),
    update: (ref, object, options) => write(state, 'PUT', { ref, object, options }),
    patch: (ref, key, options) => patch(state, ref, { key, options }),
    delete: (ref, key, options) => remove(state, ref, { key, options }),
    watch: (ref, options) => watch(state, ref, options),
    getText: async (path, options) =>
      toText(await call(state, { method: 'GET', path, options, accept: '*/*' })),
    impersonate: (user, groups) =>
      clientOf({
        ...state,
        headers: {
          ...state.headers,
          'impersonate-user': user,
          ...(groups.length > 0 && { 'impersonate-group': groups }),
        },
      }),
  };
}

function subresourceOf(options: { subresource?: string } | undefined): { subresource?: string } {
  return options?.subresource === undefined ? {} : { subresource: options.subresource };
}

function namespaceOf(options: { readonly namespace?: string } | undefined): { namespace?: string } {
  return options?.namespace === undefined ? {} : { namespace: options.namespace };
}

async function list<T>(state: ClientState, ref: ResourceRef, options?: ListOptions): Promise<KubeList<T>> {
  const query = queryString({
    labelSelector: options?.labelSelector,
    fieldSelector: options?.fieldSelector,
    limit: options?.limit,
    continue: options?.continue,
    resourceVersion: options?.resourceVersion,
  });
  const answer = await callJson<KubeList<T>>(state, {
    method: 'GET',
    path: resourcePath(ref, namespaceOf(options)) + query,
    options,
    accept: accepting('PartialObjectMetadataList', options?.metadataOnly),
  });
  return fillItems(answer);
}

/** Lists of built-in kinds leave apiVersion and kind out of the items, as client-go's dynamic client knows. */
function fillItems<T>(answer: KubeList<T>): KubeList<T> {
  const items: T[] = answer.items ?? []; // Go encodes an empty list as null
  const kind = answer.kind.endsWith('List') ? answer.kind.slice(0, -4) : answer.kind;
  const filled = items.map((item) =>
    isObject(item) && item['kind'] === undefined
      ? ({ apiVersion: answer.apiVersion, kind, ...(item as object) } as T) // the same object plus its type
      : item,
  );
  return { ...answer, metadata: answer.metadata ?? {}, items: filled };
}

interface WriteCall<T> {
  readonly ref: ResourceRef;
  readonly object: T;
  readonly options: (WriteOptions & { name?: string }) | undefined;
}

function write<T>(
  state: ClientState,
  method: 'POST' | 'PUT',
  { ref, object, options }: WriteCall<T>,
): Promise<T> {
  const { metadata } = object as unknown as Partial<KubeObject>; // any object that an API server takes has it
  const named = method === 'PUT' || options?.subresource !== undefined;
  const name = named ? (options?.name ?? metadata?.name) : undefined;
  const path = resourcePath(ref, {
    ...namespaceOf(metadata),
    ...(name !== undefined && { name }),
    ...subresourceOf(options),
  });
  const query = queryString(writeQuery(options));
  return callJson(state, {
    method,
    path: path + query,
    options,
    contentType: 'application/json',
    body: object,
  });
}

function writeQuery(options: WriteOptions | undefined): Record<string, string | undefined> {
  return {
    fieldManager: options?.fieldManager,
    fieldValidation: options?.fieldValidation,
    dryRun: options?.dryRun === true ? 'All' : undefined,
  };
}

interface PatchCall {
  readonly key: ObjectKey;
  readonly options: PatchOptions & { type: PatchType; body: unknown };
}

function patch<T>(state: ClientState, ref: ResourceRef, { key, options }: PatchCall): Promise<T> {
  const query = queryString({ ...writeQuery(options), force: options.force });
  return callJson(state, {
    method: 'PATCH',
    path: resourcePath(ref, { ...key, ...subresourceOf(options) }) + query,
    options,
    contentType: patchContentTypes[options.type],
    body: options.body,
  });
}

interface DeleteCall {
  readonly key: ObjectKey;
  readonly options: DeleteOptions | undefined;
}

async function remove(state: ClientState, ref: ResourceRef, { key, options }: DeleteCall): Promise<void> {
  const { propagationPolicy, gracePeriodSeconds, preconditions } = options ?? {};
  const body = {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    ...(propagationPolicy !== undefined && { propagationPolicy }),
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    ...(preconditions !== undefined && { preconditions }),
    ...(options?.dryRun === true && { dryRun: ['All'] }),
  };
  const path = resourcePath(ref, key);
  const response = await call(state, {
    method: 'DELETE',
    path,
    options,
    contentType: 'application/json',
    body,
  });
  await response.bytes();
}

async function* watch<T>(state: ClientState, ref: ResourceRef, options?: WatchOptions) {
  const query = queryString({
    watch: true,
    allowWatchBookmarks: true,
    labelSelector: options?.labelSelector,
    fieldSelector: options?.fieldSelector,
    resourceVersion: options?.resourceVersion,
    timeoutSeconds: options?.timeoutSeconds,
    sendInitialEvents: options?.sendInitialEvents,
    resourceVersionMatch: options?.sendInitialEvents === undefined ? undefined : 'NotOlderThan',
  });
  const response = await call(state, {
    method: 'GET',
    path: resourcePath(ref, namespaceOf(options)) + query,
    options,
    accept: accepting('PartialObjectMetadata', options?.metadataOnly),
    endless: true,
  });
  yield* readWatchStream<T>(response.chunks(), { maxLineBytes: state.maxWatchEventBytes });
}

function accepting(as: string, metadataOnly: boolean | undefined): string {
  return metadataOnly === true
    ? `application/json;as=${as};g=meta.k8s.io;v=v1,application/json`
    : 'application/json';
}

async function callJson<T>(state: ClientState, request: Call): Promise<T> {
  const text = await toText(await call(state, request));
  try {
    return JSON.parse(text) as T; // the caller names the kind that lives at this path
  } catch (cause) {
    throw newInternalError(`the answer to ${request.method} ${request.path} is not JSON`, { cause });
  }
}

async function toText(response: TransportResponse): Promise<string> {
  const body = await response.bytes();
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
}

/** The answer of a successful call, its body unread; throws StatusError for all others. */
async function call(state: ClientState, request: Call): Promise<TransportResponse> {
  const timeoutMs = request.options?.timeoutMs ?? (request.endless === true ? undefined : state.timeoutMs);
  const signal = request.options?.signal;
  const response = await state.transport.request({
    method: request.method,
    path: request.path,
    headers: {
      ...state.headers,
      accept: request.accept ?? 'application/json',
      ...(request.contentType !== undefined && { 'content-type': request.contentType }),
    },
    ...(request.body !== undefined && { body: JSON.stringify(request.body) }),
    ...(signal && { signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  if (state.onWarning) reportWarnings(response.headers['warning'], state.onWarning);
  if (response.status >= 200 && response.status < 300) return response;
  throw parseFailure({ status: response.status, headers: response.headers, body: await response.bytes() });
}

/** RFC 7234 5.5: `299 - "text"`, several joined by commas; quotes inside a text are escaped. */
function reportWarnings(header: string | undefined, report: (text: string) => void): void {
  for (const match of header?.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g) ?? []) {
    report((match[1] ?? '').replaceAll(/\\(.)/g, '$1'));
  }
}
