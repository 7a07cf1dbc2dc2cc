/**
 * The order of a list after a strategic merge: items that the patch names stand in the patch's order, items that only
 * the server has keep theirs and go before the named item that they preceded. Called by strategic-merge-patch. Pure.
 */
import { equal, isObject, newBadRequest, type Schema } from '@flotilla/api';

/** A list of the original, the patch's list for it, and the schema of the field. */
export interface Undirected {
  readonly original: readonly unknown[];
  readonly patch: readonly unknown[];
  readonly schema: Schema;
}

/** A stated order, and the key by which items of maps are recognised; without one they are scalars. */
export interface ListMerge {
  readonly order: readonly unknown[];
  readonly key?: string | undefined;
}

/** The merge key of a list of objects. Throws StatusError 400 when there is none. */
export function requireMergeKey(schema: Schema): string {
  const key = schema['x-kubernetes-patch-merge-key'];
  if (key === undefined) throw newBadRequest('cannot merge lists of objects without a merge key');
  return key;
}

/** True for two items with the same key, or for equal scalars. */
export function sameItem(a: unknown, b: unknown, key: string | undefined): boolean {
  if (key === undefined || !isObject(a) || !isObject(b)) return equal(a, b);
  return a[key] !== undefined && equal(a[key], b[key]);
}

function positionIn(list: readonly unknown[], { key }: { key: string | undefined }) {
  const positions = new Map<unknown, number>();
  for (const [index, item] of list.entries()) {
    const id = idOf(item, key);
    if (!positions.has(id)) positions.set(id, index);
  }
  return (item: unknown): number => positions.get(idOf(item, key)) ?? -1;
}

/** Keys and scalars are strings, numbers or booleans, which a Map tells apart; anything else is told apart by its JSON. */
function idOf(item: unknown, key: string | undefined): unknown {
  const id = key !== undefined && isObject(item) ? item[key] : item;
  return typeof id === 'object' ? JSON.stringify(id) : id;
}

/** Brings a merged list into its final order; `original` is what the server had. */
export function orderItems(
  merged: readonly unknown[],
  options: ListMerge & { readonly original: readonly unknown[] },
): unknown[] {
  const inOrder = positionIn(options.order, { key: options.key });
  const inOriginal = positionIn(options.original, { key: options.key });
  const named = merged.filter((item) => inOrder(item) >= 0).sort((a, b) => inOrder(a) - inOrder(b));
  const serverOnly = merged.filter((item) => inOrder(item) < 0).sort((a, b) => inOriginal(a) - inOriginal(b));
  const out: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const at = inOriginal(item);
    while (at >= 0 && next < serverOnly.length) {
      const other = inOriginal(serverOnly[next]);
      if (other < 0 || other >= at) break;
      out.push(serverOnly[next++]);
    }
    out.push(item);
  }
  return [...out, ...serverOnly.slice(next)];
}

/** Throws StatusError 400 unless the patch's items stand in the stated order and all occur in it. */
export function orderLike(patch: readonly unknown[], { order, key }: ListMerge): void {
  const position = positionIn(order, { key });
  let previous = -1;
  for (const item of patch) {
    if (isObject(item) && item['$patch'] !== undefined) continue;
    const at = position(item);
    if (at <= previous) {
      throw newBadRequest(
        `The order in patch list:\n${JSON.stringify(patch)}\n doesn't match $setElementOrder list:\n${JSON.stringify(order)}\n`,
      );
    }
    previous = at;
  }
}
