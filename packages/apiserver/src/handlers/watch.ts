/**
 * GET of a collection with `watch`: where the stream starts (apiserver.md 3.2), and what it is made of. The stream
 * itself is `watch-stream.ts`.
 */
import { newExpired } from '@flotilla/api';
import type { Env } from '@flotilla/kube';
import { storageRef } from '../registry/versions.js';
import type { ApiResponse } from '../server/handler.js';
import { resourcePrefix } from '../storage/keys.js';
import { CompactedError, type Revision } from '../storage/store.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
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
      stream.start(() =>
        open(deps.cache, { query, selection, after, prefix: resourcePrefix(storageRef(definition)) }, stream),
      );
    },
  };
}

interface Opening {
  readonly query: ListQuery;
  readonly selection: Selection;
  readonly after: Revision;
  readonly prefix: string;
}

/** @throws StatusError 410 when the events asked for are gone. */
function open(
  cache: WatchCache,
  { query, selection, after, prefix }: Opening,
  stream: WatchStream,
): WatchStart {
  const { namespace, name, select } = selection;
  const startsWithState = query.sendInitialEvents ?? after === 0n;
  if (!startsWithState) {
    try {
      const options = { namespace, name, select, ...(after > 0n && { after }) };
      return { initial: [], endOfInitial: undefined, watch: cache.watch(prefix, options, stream) };
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
    initial: items,
    endOfInitial: query.sendInitialEvents === true ? revision : undefined,
    watch: cache.watch(prefix, { namespace, name, select, after: revision }, stream),
  };
}
