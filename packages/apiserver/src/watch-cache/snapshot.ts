/**
 * Lists one resource as it is, or exactly as it was at a revision inside the window: the state of now with the
 * changes since then undone. Paging through a large resource thus needs no copies. Pure.
 */
import { compareKeys, type ParsedKey, parseKey } from '../storage/keys.js';
import type { Revision } from '../storage/store.js';
import type { CacheEntry } from './cached-object.js';
import type { EventWindow } from './event-window.js';
import { upperBound } from './key-order.js';
import type { ObjectIndex } from './object-index.js';
import type { CachedObject, ListOptions, ListResult } from './types.js';

export interface SnapshotSource {
  readonly objects: ObjectIndex<CacheEntry>;
  readonly window: EventWindow;
  readonly currentRevision: Revision;
  /** Those of `objects` that are asked for, in key order; absent: all. */
  readonly current?: readonly CacheEntry[] | undefined;
}

/** The caller has checked that `options.revision` is inside the window. */
export function listObjects(source: SnapshotSource, options: ListOptions): ListResult {
  const revision = options.revision ?? source.currentRevision;
  const undone = undoneSince(source.window, revision, options.namespace);
  const { namespace, startAfter, limit = 0 } = options;
  const current = source.current
    ? inRange(source.current, namespace, startAfter)
    : source.objects.iterate(namespace, startAfter);
  const items: CachedObject[] = [];
  for (const item of undone.size === 0 ? current : merge(current, undone, startAfter)) {
    items.push(item);
    if (items.length === limit) break;
  }
  const last = items.at(-1);
  const isComplete = limit === 0 || items.length < limit || last === undefined;
  const remaining = isComplete ? 0 : countAfter(source, { namespace, after: last.key, undone });
  return { items, revision, remaining };
}

function* inRange(
  items: readonly CacheEntry[],
  namespace: string | undefined,
  startAfter: string | undefined,
): Generator<CacheEntry> {
  for (let at = startAfter === undefined ? 0 : upperBound(items, startAfter); at < items.length; at++) {
    const item = items[at];
    if (item !== undefined && (namespace === undefined || item.namespace === namespace)) yield item;
  }
}

/** What each key changed since `revision` held at `revision`; undefined for keys that did not exist. */
function undoneSince(
  window: EventWindow,
  revision: Revision,
  namespace: string | undefined,
): Map<string, CacheEntry | undefined> {
  const undone = new Map<string, CacheEntry | undefined>();
  const first = window.seqAfter(revision);
  for (let seq = window.nextSeq - 1; seq >= first; seq--) {
    const change = window.at(seq);
    if (change === undefined || (namespace !== undefined && change.namespace !== namespace)) continue;
    undone.set(change.key, change.previous);
  }
  return undone;
}

function* merge(
  current: Iterable<CacheEntry>,
  undone: ReadonlyMap<string, CacheEntry | undefined>,
  startAfter: string | undefined,
): Generator<CacheEntry> {
  const old: CacheEntry[] = [];
  for (const item of undone.values()) {
    if (item !== undefined && (startAfter === undefined || compareKeys(item.key, startAfter) > 0))
      old.push(item);
  }
  old.sort((a, b) => compareKeys(a.key, b.key));
  let at = 0;
  for (const item of current) {
    if (undone.has(item.key)) continue;
    for (let next = old[at]; next !== undefined && compareKeys(next.key, item.key) < 0; next = old[++at])
      yield next;
    yield item;
  }
  yield* old.slice(at);
}

interface CountOptions {
  readonly namespace: string | undefined;
  readonly after: string;
  readonly undone: ReadonlyMap<string, CacheEntry | undefined>;
}

function countAfter({ objects }: SnapshotSource, { namespace, after, undone }: CountOptions): number {
  let count = objects.countAfter(namespace, after);
  for (const [key, item] of undone) {
    if (compareKeys(key, after) <= 0) continue;
    const parsed = parseKey(key) as ParsedKey; // keys of the window have been parsed before
    if (objects.get(parsed.namespace, key) !== undefined) count--;
    if (item !== undefined) count++;
  }
  return count;
}
