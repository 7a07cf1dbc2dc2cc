/**
 * The bytes of the lmdb store. `objects`: key -> where its current value is. `history`: revision -> one change.
 * Numbers are big-endian, so that revisions sort. Pure.
 */
import type { Revision, StoreEvent } from '../storage/store.js';
import { StoreError } from '../storage/store-errors.js';

/** Value of `objects`. */
export interface Pointer {
  readonly modRevision: Revision;
  readonly createRevision: Revision;
}

/** Value of `history`; `value` is absent for a delete. */
export interface HistoryRecord {
  readonly key: string;
  readonly value: Uint8Array | undefined;
  /** The change of the same key before this one; 0: none. */
  readonly previous: Revision;
  readonly createRevision: Revision;
}

const pointerBytes = 16;
/** type, previous, createRevision, key length. */
const headBytes = 1 + 8 + 8 + 2;
const typePut = 1;
const typeDelete = 2;

export function encodeRevision(revision: bigint): Buffer {
  const out = Buffer.allocUnsafe(8);
  out.writeBigUInt64BE(revision);
  return out;
}

export function decodeRevision(bytes: Buffer | undefined): Revision | undefined {
  return bytes?.length === 8 ? (bytes.readBigUInt64BE() as Revision) : undefined;
}

export function encodePointer({ revision, createRevision }: StoreEvent): Buffer {
  const out = Buffer.allocUnsafe(pointerBytes);
  out.writeBigUInt64BE(revision, 0);
  out.writeBigUInt64BE(createRevision, 8);
  return out;
}

export function decodePointer(bytes: Buffer): Pointer {
  if (bytes.length !== pointerBytes) throw damaged('an object pointer');
  return {
    modRevision: bytes.readBigUInt64BE(0) as Revision,
    createRevision: bytes.readBigUInt64BE(8) as Revision,
  };
}

export function encodeHistory(event: StoreEvent): Buffer {
  const keyBytes = Buffer.byteLength(event.key);
  const out = Buffer.allocUnsafe(headBytes + keyBytes + (event.value?.length ?? 0));
  out[0] = event.type === 'put' ? typePut : typeDelete;
  out.writeBigUInt64BE(event.previous?.modRevision ?? 0n, 1);
  out.writeBigUInt64BE(event.createRevision, 9);
  out.writeUInt16BE(keyBytes, 17);
  out.write(event.key, headBytes);
  if (event.value !== undefined) out.set(event.value, headBytes + keyBytes);
  return out;
}

/** `value` is a view of `bytes`. */
export function decodeHistory(bytes: Buffer): HistoryRecord {
  const type = bytes[0];
  if (bytes.length < headBytes || (type !== typePut && type !== typeDelete)) throw damaged('a change');
  const keyEnd = headBytes + bytes.readUInt16BE(17);
  if (bytes.length < keyEnd) throw damaged('a change');
  return {
    key: bytes.toString('utf8', headBytes, keyEnd),
    value: type === typePut ? bytes.subarray(keyEnd) : undefined,
    previous: bytes.readBigUInt64BE(1) as Revision,
    createRevision: bytes.readBigUInt64BE(9) as Revision,
  };
}

export function damaged(what: string): StoreError {
  return new StoreError('corrupt', `the store is damaged: ${what} is not readable`);
}
