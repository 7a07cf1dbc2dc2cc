/**
 * Selectors over a list that was taken from the watch cache: objects may have to be parsed for them, so they are asked
 * in slices of time. The list was taken before, so that what comes out is one moment's however long it takes.
 * Called by the handlers of lists, watches and deletes of collections.
 */
import type { Clock } from '@flotilla/kube';
import type { CachedObject, ListResult } from '../watch-cache/types.js';
import { TimeSlice } from './time-slice.js';

export interface SelectOptions {
  /** Absent: everything. */
  readonly select: ((object: CachedObject) => boolean) | undefined;
  /** At most so many; 0: all. */
  readonly limit: number;
  readonly clock: Clock;
  /** For whom the list is made: its signal, which is made when first asked for, ends the work. */
  readonly request: { readonly signal: AbortSignal };
}

/** The selected objects up to the limit; `remaining` counts the objects after the last of them, selected or not. */
export async function selectInSlices(
  list: ListResult,
  { select, limit, clock, request }: SelectOptions,
): Promise<ListResult> {
  const { items, revision } = list;
  if (select === undefined && (limit === 0 || limit >= items.length)) return list;
  const selected: CachedObject[] = [];
  const slice = new TimeSlice(clock);
  for (const [index, item] of items.entries()) {
    if (slice.isOver) {
      await slice.giveWay();
      request.signal.throwIfAborted();
    }
    if (select !== undefined && !select(item)) continue;
    selected.push(item);
    if (selected.length === limit) {
      return { items: selected, revision, remaining: list.remaining + items.length - index - 1 };
    }
  }
  return { items: selected, revision, remaining: list.remaining };
}
