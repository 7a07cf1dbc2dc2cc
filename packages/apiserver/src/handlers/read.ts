/**
 * GET of one object and of a collection: consistency by resourceVersion and its match, paging with continue tokens,
 * selectors (apiserver.md 2.3). Everything is served from the watch cache.
 */
import { newBadRequest, newExpired, newNotFound } from '@flotilla/api';
import type { Clock } from '@flotilla/kube';
import { inVersion } from '../registry/converted-objects.js';
import type { ObjectStore } from '../registry/object-store.js';
import { storageRef } from '../registry/versions.js';
import type { ApiResponse } from '../server/handler.js';
import { resourcePrefix } from '../storage/keys.js';
import { CompactedError, type Revision } from '../storage/store.js';
import type { ListOptions, ListResult } from '../watch-cache/types.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import { listCandidates } from './candidates.js';
import { decodeContinue, encodeContinue, newExpiredContinue } from './continue-token.js';
import { type ListQuery, parseListQuery } from './options.js';
import { cachedResponse, listResponse, type RespondOptions } from './represent.js';
import type { ResourceRequest } from './resource-request.js';
import { parseRevision, waitForLatest, waitForRevision } from './revisions.js';
import { selectInSlices } from './select-in-slices.js';
import { parseSelection, type Selection, selectionTest } from './selectors.js';

export interface ReadDependencies {
  readonly cache: WatchCache;
  readonly objects: ObjectStore;
}

/** GET of one object; a status subresource answers the whole object, too. */
export async function get(deps: ReadDependencies, options: RespondOptions): Promise<ApiResponse> {
  const { request } = options;
  const { definition, namespace, name = '' } = request;
  const resourceVersion = request.query.get('resourceVersion') ?? '';
  if (resourceVersion !== '' && resourceVersion !== '0') {
    await waitForRevision(deps.cache, parseRevision(resourceVersion), request);
  }
  const cached = deps.objects.find(definition, { namespace, name });
  if (cached === undefined) {
    throw newNotFound({ group: definition.group, resource: definition.resource, name });
  }
  const [shown = cached] = await inVersion(definition, [cached]);
  return cachedResponse(200, shown, options);
}

/** GET of a collection. */
export async function list(deps: ReadDependencies, options: RespondOptions): Promise<ApiResponse> {
  const { request } = options;
  const { definition } = request;
  const query = parseListQuery(request.query, 'list');
  const selection = parseSelection(definition, query, request.namespace);
  const prefix = resourcePrefix(storageRef(definition));
  const { clock } = options.env;
  const page = { request, query, selection, prefix, clock };
  const { items, revision, remaining } = await readPage(deps.cache, page);
  const last = items.at(-1);
  const hasMore = query.limit > 0 && remaining > 0 && last !== undefined;
  const metadata = {
    resourceVersion: String(revision),
    ...(hasMore && {
      continue: encodeContinue({
        revision,
        start: `${last.key.slice(prefix.length)}\0`,
      }),
    }),
    ...(hasMore && !selection.isFiltered && { remainingItemCount: remaining }),
  };
  const shown = await inVersion(definition, items);
  const chosen = await selectInSlices(
    { items: shown, revision, remaining },
    { select: selection.selectShown, limit: 0, clock, request },
  );
  return listResponse({ items: chosen.items, metadata }, options);
}

interface PageRequest {
  readonly request: ResourceRequest;
  readonly query: ListQuery;
  readonly selection: Selection;
  readonly prefix: string;
  readonly clock: Clock;
}

async function readPage(cache: WatchCache, page: PageRequest): Promise<ListResult> {
  const { query, request } = page;
  if (query.continue !== '') return continuePage(cache, page);
  const revision = parseRevision(query.resourceVersion);
  if (query.resourceVersion === '') {
    await waitForLatest(cache, request);
    return readList(cache, page, {});
  }
  await waitForRevision(cache, revision, request);
  // The legacy rule: a limit with a resourceVersion other than 0 and without a match means exactly that one.
  const isExact = query.match === 'Exact' || (query.match === '' && query.limit > 0 && revision > 0n);
  if (!isExact) return readList(cache, page, {});
  try {
    return await readList(cache, page, { revision });
  } catch (error) {
    throw expiredOr(error, revision);
  }
}

async function continuePage(cache: WatchCache, page: PageRequest): Promise<ListResult> {
  const { query, prefix } = page;
  if (query.resourceVersion !== '' && query.resourceVersion !== '0') {
    throw newBadRequest('specifying resource version is not allowed when using continue');
  }
  const token = decodeContinue(query.continue);
  // The token holds the last key plus a NUL byte, which sorts right after it.
  const startAfter = prefix + (token.start.endsWith('\0') ? token.start.slice(0, -1) : token.start);
  if (token.revision < 0n) {
    return readList(cache, page, { startAfter });
  }
  const revision = token.revision as Revision;
  await waitForRevision(cache, revision, page.request);
  try {
    return await readList(cache, page, { startAfter, revision });
  } catch (error) {
    if (error instanceof CompactedError) throw newExpiredContinue(token.start);
    throw error;
  }
}

function expiredOr(error: unknown, revision: Revision): unknown {
  if (!(error instanceof CompactedError)) return error;
  return newExpired(`The resourceVersion for the provided list is too old: ${revision} (${error.compacted})`);
}

async function readList(
  cache: WatchCache,
  { request, query, selection, prefix, clock }: PageRequest,
  at: Pick<ListOptions, 'revision' | 'startAfter'>,
): Promise<ListResult> {
  const { limit } = query;
  const select = selectionTest(selection);
  if (select === undefined) return cache.list(prefix, { namespace: selection.namespace, limit, ...at });
  const candidates = listCandidates(cache, { definition: request.definition, selection, at });
  return selectInSlices(candidates, { select, limit, clock, request });
}
