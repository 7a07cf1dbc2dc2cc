/**
 * POST and PUT: decode, check against the URL, hand to the object store, answer. Subresources with a body of their own
 * and kinds that are answered instead of stored (reviews) go through here, too.
 */
import { type KubeObject, newBadRequest, newMethodNotSupported, newNotFound } from '@flotilla/api';
import type { Env } from '@flotilla/kube';
import type { ObjectStore } from '../registry/object-store.js';
import type { CustomSubresource, ResourceDefinition } from '../registry/resource.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import { customSubresource, type WriteRequest, writeContext } from '../registry/write-request.js';
import type { ApiResponse } from '../server/handler.js';
import { decodeObject, type ExpectedBody, type ProtobufDecoder } from './body.js';
import { parseWriteQuery, type WriteQuery } from './options.js';
import { cachedResponse, objectResponse, type RespondOptions, valueResponse } from './represent.js';
import type { ResourceRequest } from './resource-request.js';

export interface WriteDependencies {
  readonly objects: ObjectStore;
  readonly registry: ResourceRegistry;
  readonly env: Pick<Env, 'clock'>;
  readonly decodeProtobuf: ProtobufDecoder | undefined;
  /** Throws StatusError 403 unless the user may create what a PUT or an apply is about to create. */
  readonly authorizeCreate: ((request: ResourceRequest) => Promise<void>) | undefined;
}

/** What an object of the resource must look like in a body. */
export function expectedBody(definition: ResourceDefinition): ExpectedBody {
  return definition;
}

/** The object store's view of the request. */
export function writeRequest(
  { request, warnings }: RespondOptions,
  query: Pick<WriteQuery, 'dryRun' | 'fieldManager'>,
  options: { readonly kind: string; readonly extra?: Readonly<Record<string, unknown>> },
): WriteRequest {
  return {
    definition: request.definition,
    namespace: request.namespace,
    name: request.name ?? '',
    subresource: request.subresource,
    user: request.user,
    dryRun: query.dryRun,
    fieldManager: query.fieldManager,
    options: {
      kind: options.kind,
      apiVersion: 'meta.k8s.io/v1',
      ...(query.dryRun && { dryRun: ['All'] }),
      ...options.extra,
    },
    warn: (text) => warnings.add(text),
    annotate: request.annotate,
  };
}

/**
 * Fills in and checks namespace and, where the URL has one, name. The namespace of an object that is in none is
 * dropped: generators of manifests put one on everything. @throws StatusError 400.
 */
export function checkLocation(object: KubeObject, request: ResourceRequest): void {
  const { metadata } = object;
  const namespace = request.definition.namespaced ? (request.namespace ?? '') : '';
  if (namespace === '') delete metadata.namespace;
  else if ((metadata.namespace ?? '') === '') metadata.namespace = namespace;
  else if (metadata.namespace !== namespace) {
    throw newBadRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
  if (request.name === undefined) return;
  if ((metadata.name ?? '') === '') metadata.name = request.name;
  else if (metadata.name !== request.name) {
    throw newBadRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${request.name})`,
    );
  }
}

/** What a write has left: as the cache holds it where that is this very state, which spares encoding it once more. */
export function writtenResponse(
  status: number,
  object: KubeObject,
  written: { readonly deps: WriteDependencies; readonly query: WriteQuery; readonly options: RespondOptions },
): ApiResponse {
  const { deps, query, options } = written;
  const { definition } = options.request;
  const { namespace, name = '', resourceVersion } = object.metadata;
  const isConverted = definition.convert !== undefined || definition.convertThrough !== undefined;
  if (query.dryRun || isConverted) return objectResponse(status, object, options);
  const cached = deps.objects.find(definition, { namespace, name });
  return cached !== undefined && String(cached.revision) === resourceVersion
    ? cachedResponse(status, cached, options)
    : objectResponse(status, object, options);
}

export async function create(deps: WriteDependencies, options: RespondOptions): Promise<ApiResponse> {
  const { request } = options;
  const { definition } = request;
  const query = parseWriteQuery(request.query, { kind: 'CreateOptions', userAgent: request.userAgent });
  const door = customSubresource(definition, request.subresource);
  if (request.subresource !== undefined) return createThrough(deps, { door, query }, options);

  const object = decode(deps, expectedBody(definition), { query, options });
  if (definition.virtual !== undefined) {
    if (definition.namespaced) checkLocation(object, request);
    const write = writeRequest(options, query, { kind: 'CreateOptions' });
    const answer = await definition.virtual(object, writeContext(write, deps.env.clock.now()));
    return valueResponse(201, answer, options);
  }
  checkLocation(object, request);
  const write = writeRequest(options, query, { kind: 'CreateOptions', extra: extraOptions(query) });
  return writtenResponse(201, await deps.objects.create(write, object), { deps, query, options });
}

async function createThrough(
  deps: WriteDependencies,
  { door, query }: { readonly door: CustomSubresource | undefined; readonly query: WriteQuery },
  options: RespondOptions,
): Promise<ApiResponse> {
  const { request } = options;
  const { definition, namespace, name = '' } = request;
  if (door?.create === undefined) {
    throw newMethodNotSupported({ group: definition.group, resource: definition.resource }, 'create');
  }
  const expected: ExpectedBody = {
    ...door.kind,
    schema: door.schema ?? definition.schema,
    origin: definition.origin,
  };
  const body = decode(deps, expected, { query, options });
  checkLocation(body, request);
  const parent = deps.objects.get(definition, { namespace, name });
  if (parent === undefined && definition.virtual === undefined) {
    throw newNotFound({ group: definition.group, resource: definition.resource, name });
  }
  const write = writeRequest(options, query, { kind: 'CreateOptions', extra: extraOptions(query) });
  const admitted = await deps.objects.admitThrough(write, {
    operation: 'CREATE',
    object: body,
    body: expected,
  });
  const context = { ...writeContext(write, deps.env.clock.now()), name, parent };
  return valueResponse(201, await door.create(admitted ?? body, context), options);
}

export async function update(deps: WriteDependencies, options: RespondOptions): Promise<ApiResponse> {
  const { request } = options;
  const { definition } = request;
  const query = parseWriteQuery(request.query, { kind: 'UpdateOptions', userAgent: request.userAgent });
  const body = decode(deps, expectedBody(definition), { query, options });
  checkLocation(body, request);
  const createMissing = request.subresource === undefined && definition.strategy.allowCreateOnUpdate;
  const write = writeRequest(options, query, { kind: 'UpdateOptions', extra: extraOptions(query) });
  let isFirst = true;
  const change = async (old: KubeObject | undefined): Promise<{ object: KubeObject }> => {
    if (old === undefined) await deps.authorizeCreate?.(request);
    // The store changes what it is given: the body itself the first time, as most updates need no second.
    const object =
      isFirst && old !== undefined ? body : decode(deps, expectedBody(definition), { query, options });
    isFirst = false;
    checkLocation(object, request);
    return { object };
  };
  const result = await deps.objects.update(write, change, { createMissing, isPut: true });
  return writtenResponse(result.created ? 201 : 200, result.object, { deps, query, options });
}

function extraOptions(query: WriteQuery): Readonly<Record<string, unknown>> {
  return { fieldManager: query.fieldManager, fieldValidation: query.fieldValidation };
}

function decode(
  deps: WriteDependencies,
  expected: ExpectedBody,
  { query, options }: { readonly query: WriteQuery; readonly options: RespondOptions },
): KubeObject {
  return decodeObject(options.request.body, {
    contentType: options.request.contentType,
    expected,
    fieldValidation: query.fieldValidation,
    decodeProtobuf: deps.decodeProtobuf,
    warn: (text) => options.warnings.add(text),
  });
}
