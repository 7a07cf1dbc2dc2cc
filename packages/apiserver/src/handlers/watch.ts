/**
 * GET of a collection with `watch`: where the stream starts (apiserver.md 3.2), and what it is made of. The stream
 * itself is `watch-stream.ts`.
 */
import { newExpired } from '@flotilla/api';
import type { Env } from '@flotilla/kube';
import { inVersion } from '../registry/converted-objects.js';
import type { ResourceDefinition } from '../registry/resource.js';
import { storageRef } from '../registry/versions.js';
import type { ApiResponse } from '../server/handler.js';
import { resourcePrefix } from '../storage/keys.js';
import { CompactedError, type Revision } from '../storage/store.js';
import type { CachedObject, CacheWatch, WatchOptions } from '../watch-cache/types.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import { openConvertingWatch } from './converting-watch.js';
import { type ListQuery, parseListQuery } from './options.js';
import type { RespondOptions } from './represent.js';
import { parseRevision, waitForLatest, waitForRevision } from './revisions.js';
import { parseSelection, type Selection } from './selectors.js';
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

  if (query.resourceVersion === '') await waitForLatest(deps.cache, request.signal);
  else await waitForRevision(deps.cache, after, request.signal);

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
      stream.start(() => open(deps.cache, { definition, query, selection, after, prefix }, stream));
    },
  };
}

interface Opening {
  readonly definition: ResourceDefinition;
  readonly query: ListQuery;
  readonly selection: Selection;
  readonly after: Revision;
  readonly prefix: string;
}

/** @throws StatusError 410 when the events asked for are gone. */
function open(
  cache: WatchCache,
  { definition, query, selection, after, prefix }: Opening,
  stream: WatchStream,
): WatchStart {
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
  const inScope =
    name === undefined
      ? select
      : (object: Parameters<NonNullable<typeof select>>[0]) =>
          object.name === name && (select === undefined || select(object));
  const { items, revision } = cache.list(prefix, { namespace, select: inScope });
  return {
    initial: initialState(definition, items, selectShown),
    endOfInitial: query.sendInitialEvents === true ? revision : undefined,
    watch: watchFrom({ after: revision }),
  };
}

function initialState(
  definition: ResourceDefinition,
  items: readonly CachedObject[],
  selectShown: Selection['selectShown'],
): WatchStart['initial'] {
  const shown = inVersion(definition, items);
  if (selectShown === undefined) return shown;
  return shown instanceof Promise ? shown.then((all) => all.filter(selectShown)) : shown.filter(selectShown);
}
