/** Reads of the etcd store: ranges in pages of bounded size, all at one revision; the compacted revision. */
import {
  KVService,
  RangeRequest as Range,
  type RangeRequest,
  type WatchResponse,
} from '../../gen/etcd/etcd.js';
import type { RangeResult, Revision, StoredValue } from '../../storage/store.js';
import type { EtcdConnection } from './etcd-connection.js';
import { EtcdCallError, isCompacted, newUnavailable, toStoreError } from './etcd-errors.js';
import type { EtcdKeys } from './etcd-keys.js';

interface ReadContext {
  readonly connection: EtcdConnection;
  readonly keys: EtcdKeys;
}

const firstPage = 500;
const largestPage = 10_000;
/** About what one answer should weigh: it is held in memory on both sides. */
const pageBytes = 4 * 1024 * 1024;
/** A range during which history was compacted away begins again. */
const maxRounds = 5;

/** All keys under a prefix at one revision. @throws StoreError */
export async function readRange(context: ReadContext, prefix: string): Promise<RangeResult> {
  for (let round = 1; ; round++) {
    try {
      return await readPages(context, prefix);
    } catch (error) {
      if (!isCompacted(error) || round === maxRounds) throw toStoreError(error);
    }
  }
}

async function readPages({ connection, keys }: ReadContext, prefix: string): Promise<RangeResult> {
  const items: StoredValue[] = [];
  const { key: first, rangeEnd } = keys.range(prefix);
  let revision = 0n;
  let limit = firstPage;
  for (let key: Buffer = first; ; ) {
    const page = await connection.read(
      KVService.range,
      rangeRequest({ key, rangeEnd, revision, limit: BigInt(limit) }),
    );
    if (revision === 0n) revision = page.header?.revision ?? 0n;
    let bytes = 0;
    for (const kv of page.kvs) {
      items.push(keys.stored(kv));
      bytes += kv.value.length + kv.key.length;
    }
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return { items, revision: revision as Revision };
    key = Buffer.concat([last.key, Buffer.from([0])]);
    limit = Math.max(
      1,
      Math.min(largestPage, Math.floor((pageBytes * page.kvs.length) / Math.max(bytes, 1))),
    );
  }
}

/** 0 when nothing was compacted. etcd tells it only to a watch that begins before it. @throws StoreError */
export async function readCompactedRevision({ connection, keys }: ReadContext): Promise<Revision> {
  try {
    await connection.read(KVService.range, rangeRequest({ key: keys.root, revision: 1n, countOnly: true }));
    return 0n as Revision;
  } catch (error) {
    if (!isCompacted(error)) throw toStoreError(error);
  }
  const patience = connection.patience(connection.timeouts.readMs);
  for (;;) {
    const member = connection.current;
    try {
      return await new Promise<Revision>((resolve, reject) => {
        const stream = connection.openWatchStream(member);
        const timer = setTimeout(() => fail('no answer in time'), connection.timeouts.attemptMs);
        const fail = (details: string): void => {
          clearTimeout(timer);
          stream.cancel();
          reject(new EtcdCallError(member.endpoint, { code: 14, details }));
        };
        stream.on('error', (error: Error) => fail(error.message));
        stream.on('end', () => fail('the stream has ended'));
        stream.on('data', ({ compactRevision }: WatchResponse) => {
          if (compactRevision === 0n) return;
          clearTimeout(timer);
          resolve(compactRevision as Revision);
          stream.cancel();
        });
        stream.write({
          createRequest: { key: keys.root, rangeEnd: Buffer.alloc(0), startRevision: 1n, prevKv: false },
        });
      });
    } catch (error) {
      if (!(error instanceof EtcdCallError)) throw error;
      connection.moveOn(member);
      if (!(await patience.wait())) throw newUnavailable(error);
    }
  }
}

export function rangeRequest(fields: Partial<RangeRequest>): RangeRequest {
  return { ...emptyRange, ...fields };
}

const emptyRange: RangeRequest = Range.create();
