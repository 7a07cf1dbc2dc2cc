/** DELETE of one object and of a collection (apiserver.md 2.8). */
import {
  formatApiVersion,
  hasReason,
  isObject,
  type JsonObject,
  type KubeObject,
  newBadRequest,
} from '@flotilla/api';
import { inVersion } from '../registry/converted-objects.js';
import type { DeleteRequest } from '../registry/write-request.js';
import type { ApiResponse } from '../server/handler.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import { parseBody } from './body.js';
import { listCandidates } from './candidates.js';
import { type DeleteQuery, parseDeleteOptions, parseListQuery } from './options.js';
import { madeList, objectResponse, type RespondOptions, valueResponse } from './represent.js';
import { waitForLatest } from './revisions.js';
import { selectInSlices } from './select-in-slices.js';
import { parseSelection, selectionTest } from './selectors.js';
import { type WriteDependencies, writeRequest } from './write.js';

export interface DeleteDependencies extends WriteDependencies {
  readonly cache: WatchCache;
}

/** Deletes of a collection that run at the same time: enough to share a group commit. */
const collectionConcurrency = 32;

export async function remove(deps: DeleteDependencies, options: RespondOptions): Promise<ApiResponse> {
  const { request } = options;
  const { definition, name = '' } = request;
  const query = readOptions(deps, options);
  const { object, gone } = await deps.objects.delete(deleteRequest(options, query, name));
  if (!gone) return objectResponse(query.orphanDependents === false ? 202 : 200, object, options);
  if (definition.strategy.deleteReturnsObject) return objectResponse(200, object, options);
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name,
      ...(definition.group !== '' && { group: definition.group }),
      kind: definition.resource,
      uid: object.metadata.uid,
    },
  };
  return valueResponse(200, status, options);
}

/** Each object goes the way of a single delete; one that has gone meanwhile is no failure. */
export async function removeCollection(
  deps: DeleteDependencies,
  options: RespondOptions,
): Promise<ApiResponse> {
  const { request } = options;
  const { definition } = request;
  const list = parseListQuery(request.query, 'deletecollection');
  const query = readOptions(deps, options);
  const selection = parseSelection(definition, list, request.namespace);
  await waitForLatest(deps.cache, request);
  const { selectShown } = selection;
  const { clock } = options.env;
  const found = await selectInSlices(listCandidates(deps.cache, { definition, selection }), {
    select: selectionTest(selection),
    limit: list.limit,
    clock,
    request,
  });
  const { items } = await selectInSlices(
    { ...found, items: await inVersion(definition, found.items) },
    { select: selectShown, limit: 0, clock, request },
  );

  const removed: KubeObject[] = [];
  for (let start = 0; start < items.length; start += collectionConcurrency) {
    const batch = items.slice(start, start + collectionConcurrency).map(async (item) => {
      const single: RespondOptions = {
        ...options,
        request: { ...request, ...(item.namespace !== '' && { namespace: item.namespace }) },
      };
      try {
        return (await deps.objects.delete(deleteRequest(single, query, item.name))).object;
      } catch (error) {
        if (hasReason(error, 'NotFound')) return undefined;
        throw error;
      }
    });
    // All of a batch are heard before a failure is reported: none may be left running.
    for (const outcome of await Promise.allSettled(batch)) {
      if (outcome.status === 'rejected') throw outcome.reason;
      if (outcome.value !== undefined) removed.push(outcome.value);
    }
  }
  const metadata = { resourceVersion: String(deps.cache.currentRevision) };
  const head = { kind: definition.listKind, apiVersion: formatApiVersion(definition), metadata };
  return madeList({ head, field: 'items', items: removed }, options, (object) => object);
}

function deleteRequest(options: RespondOptions, query: DeleteQuery, name: string): DeleteRequest {
  const { dryRun: _, ...choices } = query;
  const { uid, resourceVersion, ...shown } = choices;
  const extra = {
    ...shown,
    ...((uid !== undefined || resourceVersion !== undefined) && { preconditions: { uid, resourceVersion } }),
  };
  const write = writeRequest(
    options,
    { dryRun: query.dryRun, fieldManager: '' },
    { kind: 'DeleteOptions', extra },
  );
  return { ...write, name, ...choices };
}

function readOptions(deps: DeleteDependencies, { request }: RespondOptions): DeleteQuery {
  return parseDeleteOptions(request.body.length === 0 ? undefined : decodeBody(deps, request), request.query);
}

function decodeBody(
  { decodeProtobuf }: DeleteDependencies,
  { body, contentType, definition }: RespondOptions['request'],
): JsonObject {
  const { value } = parseBody(body, {
    contentType,
    decodeProtobuf,
    expected: {
      group: 'meta.k8s.io',
      version: 'v1',
      kind: 'DeleteOptions',
      schema: {},
      origin: 'builtin', // any resource's options may come as protobuf
    },
  });
  if (!isObject(value)) throw newBadRequest('the body of a delete must be DeleteOptions');
  const { kind = '', apiVersion = '' } = value;
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') {
    throw newBadRequest('kind and apiVersion of DeleteOptions must be strings');
  }
  if (kind !== '' && kind !== 'DeleteOptions') {
    throw newBadRequest(`decoded object cannot be converted to DeleteOptions: it is of kind ${kind}`);
  }
  const accepted = ['', 'v1', 'meta.k8s.io/v1', formatApiVersion(definition)];
  if (!accepted.includes(apiVersion)) {
    throw newBadRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (v1)`,
    );
  }
  return value;
}
