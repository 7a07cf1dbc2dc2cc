/** Searching arrays that are in key order, as the indexes of the watch cache keep them. Pure. */
import { compareKeys } from '../storage/keys.js';
import type { CachedObject } from './types.js';

export function keyOf(item: Pick<CachedObject, 'key'>): string {
  return item.key;
}

/** Index of the first item whose key is not less than `key`. */
export function lowerBound<T>(items: readonly T[], key: string, keyOfItem: (item: T) => string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle] as T; // in bounds
    if (compareKeys(keyOfItem(item), key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the first item whose key is greater than `key`. */
export function upperBound(items: readonly Pick<CachedObject, 'key'>[], key: string): number {
  const at = lowerBound(items, key, keyOf);
  return items[at]?.key === key ? at + 1 : at;
}
