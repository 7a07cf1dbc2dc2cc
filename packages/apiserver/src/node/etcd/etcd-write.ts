/**
 * One write of the etcd store: a transaction that compares the key's revision. A transaction whose answer was lost may
 * have been done; it is sent again, which can do no harm because of the compare, and when the compare then fails, the
 * key's own history tells whether the first attempt was it. What cannot be told in time is an `uncertain` StoreError,
 * never a guess.
 */
import { KVService, type TxnRequest, type TxnResponse, type WatchResponse } from '../../gen/etcd/etcd.js';
import type { Revision, StoredValue, StoreEvent, StoreWrite, WriteResult } from '../../storage/store.js';
import type { EtcdConnection } from './etcd-connection.js';
import {
  EtcdCallError,
  isTransient,
  newUnavailable,
  newUncertain,
  toStoreError,
  wasNotSent,
} from './etcd-errors.js';
import type { EtcdKeys } from './etcd-keys.js';
import { rangeRequest } from './etcd-range.js';

export interface WriteContext {
  readonly connection: EtcdConnection;
  readonly keys: EtcdKeys;
  /** Newest revision known before the write. */
  readonly baseline: Revision;
}

const equal = 0;
const modRevisionTarget = 2;

/** @throws StoreError */
export async function executeWrite(write: StoreWrite, context: WriteContext): Promise<WriteResult> {
  const { connection, keys } = context;
  const request = transaction(write, keys);
  const patience = connection.patience(connection.timeouts.writeMs);
  let doubt: EtcdCallError | undefined;
  for (;;) {
    const member = connection.current;
    try {
      const response = await connection.once(KVService.txn, request, member);
      if (response.succeeded) return { ok: true, revision: (response.header?.revision ?? 0n) as Revision };
      const current = currentOf(response, keys);
      return doubt === undefined ? { ok: false, current } : await settle(write, current, context);
    } catch (error) {
      if (!isTransient(error)) throw toStoreError(error);
      if (!wasNotSent(error)) doubt = error;
      connection.moveOn(member);
      if (await patience.wait()) continue;
      throw doubt === undefined ? newUnavailable(error) : newUncertain(doubt);
    }
  }
}

function transaction(write: StoreWrite, keys: EtcdKeys): TxnRequest {
  const key = keys.toEtcd(write.key);
  return {
    compare: [{ result: equal, target: modRevisionTarget, key, modRevision: write.expected }],
    success: [
      write.type === 'put'
        ? { requestPut: { key, value: Buffer.from(write.value) } }
        : { requestDeleteRange: { key } },
    ],
    failure: [{ requestRange: rangeRequest({ key }) }],
  };
}

function currentOf({ responses }: TxnResponse, keys: EtcdKeys): StoredValue | undefined {
  const kv = responses[0]?.responseRange?.kvs[0];
  return kv && keys.stored(kv);
}

/** The compare failed after an attempt of which nobody knows: was it that attempt which changed the key? */
async function settle(
  write: StoreWrite,
  current: StoredValue | undefined,
  context: WriteContext,
): Promise<WriteResult> {
  const { expected } = write;
  const isOurs = (event: { readonly type: string; readonly value?: Uint8Array }): boolean =>
    event.type === write.type &&
    (write.type === 'delete' ||
      (event.value !== undefined && Buffer.compare(event.value, write.value) === 0));
  if (
    current !== undefined &&
    current.modRevision > expected &&
    isOurs({ type: 'put', value: current.value })
  ) {
    return { ok: true, revision: current.modRevision };
  }
  // Ours, if done, was the first change after what it expected: or, for a new key, one before what is there now.
  const isLast = ({ revision }: StoreEvent): boolean =>
    expected > 0n || current === undefined || revision >= current.createRevision;
  const after = expected > 0n ? expected : context.baseline;
  try {
    const events = await readHistory(write.key, { after, isLast }, context);
    const ours = events.find((event) => event.revision > expected && isOurs(event));
    return ours === undefined ? { ok: false, current } : { ok: true, revision: ours.revision };
  } catch (error) {
    throw newUncertain(error);
  }
}

/** The changes of one key after a revision, up to the one that is the last of interest. */
function readHistory(
  key: string,
  { after, isLast }: { after: Revision; isLast: (event: StoreEvent) => boolean },
  { connection, keys }: WriteContext,
): Promise<readonly StoreEvent[]> {
  const member = connection.current;
  const stream = connection.openWatchStream(member);
  let timer: NodeJS.Timeout | undefined;
  return new Promise<readonly StoreEvent[]>((resolve, reject) => {
    const events: StoreEvent[] = [];
    timer = setTimeout(() => fail('its history did not come in time'), connection.timeouts.attemptMs);
    const fail = (details: string): void => reject(new EtcdCallError(member.endpoint, { code: 14, details }));
    stream.on('error', (error: Error) => fail(error.message));
    stream.on('end', () => fail('the stream has ended'));
    stream.on('data', (response: WatchResponse) => {
      if (response.canceled) fail('its history is compacted away');
      for (const raw of response.events) {
        const event = keys.event(raw);
        if (event === undefined) continue;
        events.push(event);
        if (!isLast(event)) continue;
        resolve(events);
        return;
      }
    });
    stream.write({
      createRequest: {
        key: keys.toEtcd(key),
        rangeEnd: Buffer.alloc(0),
        startRevision: after + 1n,
        prevKv: false,
      },
    });
  }).finally(() => {
    clearTimeout(timer);
    stream.cancel();
  });
}
