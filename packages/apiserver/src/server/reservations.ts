/**
 * Values that servers on one store are about to use, each under a key of its own for a moment: until the object that
 * uses the value is stored, and seen by all. What is left behind is used again for the same value; there are never
 * more such keys than values.
 */
import type { Revision, Store } from '../storage/store.js';

/** Longer than a write may take. */
const othersMs = 10_000;
/** Our own writes are seen here before they are acknowledged. */
const ownMs = 2_000;

interface Reservation {
  readonly by: string;
  readonly atMs: number;
}

/** `owner` is unique among the servers. @throws StoreError */
export function createReservations(
  store: Store,
  owner: string,
): (value: string, nowMs: number) => Promise<boolean> {
  return async (value, nowMs) => {
    const key = `/reserved/${value}`;
    const put = (expected: Revision) =>
      store.write({
        type: 'put',
        key,
        value: Buffer.from(JSON.stringify({ by: owner, atMs: nowMs } satisfies Reservation)),
        expected,
      });
    const first = await put(0n as Revision);
    if (first.ok) return true;
    if (first.current === undefined) return false;
    const held = JSON.parse(Buffer.from(first.current.value).toString()) as Reservation; // nobody else writes there
    const lifeMs = held.by === owner ? ownMs : othersMs;
    if (Math.abs(nowMs - held.atMs) < lifeMs) return false;
    return (await put(first.current.modRevision)).ok;
  };
}
