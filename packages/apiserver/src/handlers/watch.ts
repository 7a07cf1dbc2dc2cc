/**
 * GET of a collection with `watch`: where the stream starts (apiserver.md 3.2), and what it is made of. The stream
 * itself is `watch-stream.ts`.
 */
import { newExpired } from '@flotilla/api';
import type { Clock, Env } from '@flotilla/kube';
import { inVersion } from '../registry/converted-objects.js';
import type { ResourceDefinition } from '../registry/resource.js';
import { storageRef } from '../registry/versions.js';
import type { ApiResponse } from '../server/handler.js';
import { resourcePrefix } from '../storage/keys.js';
import { CompactedError, type Revision } from '../storage/store.js';
import type { CacheWatch, ListResult, WatchOptions } from '../watch-cache/types.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import { listCandidates } from './candidates.js';
import { openConvertingWatch } from './converting-watch.js';
import { type ListQuery, parseListQuery } from './options.js';
import type { RespondOptions } from './represent.js';
import { parseRevision, waitForLatest, waitForRevision } from './revisions.js';
import { selectInSlices } from './select-in-slices.js';
import { parseSelection, type Selection, selectionTest } from './selectors.js';
import { createEncoder } from './watch-encoder.js';
import { type WatchStart, WatchStream } from './watch-stream.js';

export interface WatchDependencies {
  readonly cache: WatchCache;
  readonly env: Pick<Env, 'clock' | 'random'>;
}

/** Watches that name no timeout end after this long, and up to twice as long, so that they spread. */
const minTimeoutMs = 30 * 60_000;

export async function watch(deps: WatchDependencies, options: RespondOptions): Promise<ApiResponse> {
  const { request } = options;
  const { definition } = request;
  const query = parseListQuery(request.query, 'watch');
  const parsed = parseSelection(definition, query, request.namespace);
  const selection: Selection = request.name === undefined ? parsed : { ...parsed, name: request.name };
  const after = parseRevision(query.resourceVersion);
  const encoder = createEncoder(request, deps.env.clock);

  if (query.resourceVersion === '') await waitForLatest(deps.cache, request);
  else await waitForRevision(deps.cache, after, request);

  const timeoutMs =
    query.timeoutSeconds === undefined || query.timeoutSeconds <= 0
      ? minTimeoutMs * (1 + deps.env.random.next())
      : query.timeoutSeconds * 1000;
  const warnings = options.warnings.headers();
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-cache, private',
      ...(warnings && { warning: warnings }),
    },
    // The cache's watch is opened when the head is out: a client that has gone by then leaves nothing behind.
    body: (sink) => {
      const stream = new WatchStream(sink, {
        clock: deps.env.clock,
        encoder,
        timeoutMs,
        bookmarks: query.allowWatchBookmarks,
      });
      const prefix = resourcePrefix(storageRef(definition));
      const { clock } = deps.env;
      const opening = { definition, query, selection, after, prefix, clock, request };
      stream.start(() => open(deps.cache, opening, stream));
    },
  };
}

interface Opening {
  readonly definition: ResourceDefinition;
  readonly query: ListQuery;
  readonly selection: Selection;
  readonly after: Revision;
  readonly prefix: string;
  readonly clock: Clock;
  readonly request: { readonly signal: AbortSignal };
}

/** @throws StatusError 410 when the events asked for are gone. */
function open(cache: WatchCache, opening: Opening, stream: WatchStream): WatchStart {
  const { definition, query, selection, after, prefix } = opening;
  const { namespace, name, select, selectShown } = selection;
  const watchFrom = (options: Pick<WatchOptions, 'after'>): CacheWatch => {
    const scope = { namespace, name, select, ...options };
    if (definition.convertThrough === undefined) return cache.watch(prefix, scope, stream);
    return openConvertingWatch({ definition, selectShown, sink: stream }, (sink) =>
      cache.watch(prefix, scope, sink),
    );
  };
  const startsWithState = query.sendInitialEvents ?? after === 0n;
  if (!startsWithState) {
    try {
      const watch = watchFrom(after > 0n ? { after } : {});
      return { initial: [], endOfInitial: undefined, watch };
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      throw newExpired(`too old resource version: ${after} (${error.compacted})`);
    }
  }
  const list = listCandidates(cache, { definition, selection });
  return {
    initial: initialState(list, opening),
    endOfInitial: query.sendInitialEvents === true ? list.revision : undefined,
    watch: watchFrom({ after: list.revision }),
  };
}

/** Later where objects have to be asked or converted first; what is neither is there at once. */
function initialState(
  list: ListResult,
  { definition, selection, clock, request }: Opening,
): WatchStart['initial'] {
  const select = selectionTest(selection);
  const { selectShown } = selection;
  if (select === undefined && selectShown === undefined) return inVersion(definition, list.items);
  const how = { limit: 0, clock, request };
  return selectInSlices(list, { select, ...how })
    .then(async (found) => ({ ...found, items: await inVersion(definition, found.items) }))
    .then((shown) => selectInSlices(shown, { select: selectShown, ...how }))
    .then(({ items }) => items);
}
