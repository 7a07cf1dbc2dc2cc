/**
 * The one door to resources: takes a request that is parsed, authenticated and authorized, and answers it for any
 * resource of the registry. Failures are thrown as StatusError; the server renders them.
 */
import { newInternalError, newMethodNotSupported, newNotFound, newStatusError } from '@flotilla/api';
import type { Env } from '@flotilla/kube';
import type { ObjectStore } from '../registry/object-store.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import { customSubresource } from '../registry/write-request.js';
import type { ApiResponse } from '../server/handler.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import type { ProtobufDecoder } from './body.js';
import { remove, removeCollection } from './delete.js';
import { patch } from './patch.js';
import { get, list } from './read.js';
import type { RespondOptions } from './represent.js';
import type { ResourceRequest } from './resource-request.js';
import { handleScale } from './scale.js';
import { Warnings } from './warnings.js';
import { watch } from './watch.js';
import { create, update, type WriteDependencies } from './write.js';

export type { ProtobufDecoder } from './body.js';
export type { ResourceRequest } from './resource-request.js';

export interface ResourceHandlerDependencies {
  readonly cache: WatchCache;
  readonly objects: ObjectStore;
  readonly registry: ResourceRegistry;
  readonly env: Pick<Env, 'clock' | 'log' | 'random'>;
  /** For built-in kinds; absent: protobuf bodies are refused with 415. */
  readonly decodeProtobuf?: ProtobufDecoder | undefined;
  /** Throws StatusError 403 unless the user may also create: asked when a PUT or an apply finds no object. */
  readonly authorizeCreate?: ((request: ResourceRequest) => Promise<void>) | undefined;
}

export interface ResourceHandler {
  handle(request: ResourceRequest): Promise<ApiResponse>;
}

type Dependencies = ResourceHandlerDependencies & WriteDependencies;

export function createResourceHandler(dependencies: ResourceHandlerDependencies): ResourceHandler {
  const deps: Dependencies = {
    ...dependencies,
    decodeProtobuf: dependencies.decodeProtobuf,
    authorizeCreate: dependencies.authorizeCreate,
  };
  return { handle: (request) => dispatch(deps, request) };
}

async function dispatch(deps: Dependencies, request: ResourceRequest): Promise<ApiResponse> {
  const { definition, subresource } = request;
  const warnings = new Warnings();
  if (definition.deprecationWarning !== undefined) warnings.add(definition.deprecationWarning);
  const { env } = deps;
  const options: RespondOptions = { request, warnings, env, nowMs: env.clock.now() };
  if (subresource !== undefined) return dispatchSubresource(deps, subresource, options);
  const { verb } = request;
  if (verb === 'proxy' || !definition.verbs.includes(verb) || !fitsPath(request)) throw notSupported(request);
  const hasNamespace = (request.namespace ?? '') !== '';
  if (definition.namespaced ? !hasNamespace && !isCollectionRead(verb) : hasNamespace) {
    throw newNotFound({ group: definition.group, resource: definition.resource, name: request.name ?? '' });
  }
  switch (verb) {
    case 'get':
      return get(deps, options);
    case 'list':
      return list(deps, options);
    case 'watch':
      return watch(deps, options);
    case 'create':
      return create(deps, options);
    case 'update':
      return update(deps, options);
    case 'patch':
      return patch(deps, options);
    case 'delete':
      return remove(deps, options);
    case 'deletecollection':
      return removeCollection(deps, options);
  }
}

/** POST goes to collections, PUT and PATCH to objects; the verbs of GET and DELETE follow from the path. */
function fitsPath({ verb, name }: ResourceRequest): boolean {
  if (verb === 'create') return name === undefined;
  return (verb !== 'update' && verb !== 'patch') || name !== undefined;
}

function isCollectionRead(verb: ResourceRequest['verb']): boolean {
  return verb === 'list' || verb === 'watch';
}

function notSupported({ definition, verb }: ResourceRequest): Error {
  return newMethodNotSupported({ group: definition.group, resource: definition.resource }, verb);
}

async function dispatchSubresource(
  deps: Dependencies,
  subresource: string,
  options: RespondOptions,
): Promise<ApiResponse> {
  const { request } = options;
  const { definition, verb } = request;
  const door = customSubresource(definition, subresource);
  const isStatus = subresource === 'status' && definition.hasStatus;
  const isScale = subresource === 'scale' && definition.scale !== undefined;
  if (door === undefined && !isStatus && !isScale) {
    // It is no object that is missing, so none is named.
    throw newStatusError(404, 'NotFound', { message: 'the server could not find the requested resource' });
  }
  const verbs: readonly string[] = door?.verbs ?? ['get', 'update', 'patch'];
  if (!verbs.includes(verb)) throw notSupported(request);
  if (door === undefined && definition.scale !== undefined && isScale) {
    return handleScale(deps, definition.scale, options);
  }
  switch (verb) {
    case 'get':
      return get(deps, options);
    case 'create':
      return create(deps, options);
    case 'update':
      return update(deps, options);
    case 'patch':
      return patch(deps, options);
    default:
      throw newInternalError(`subresource ${subresource} has no handler for ${verb}`);
  }
}
