/**
 * The bytes of the lmdb store, in format 2. `objects`: key -> where its current value is. `history`: revision -> one
 * change. Each begins with a checksum of itself and of the key it is filed under, so that a changed byte or a record
 * in another's place is an error and never an answer. Numbers are big-endian, so that revisions sort. Pure.
 */
import { crc32 } from 'node:zlib';
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

const sumBytes = 4;
const pointerBytes = sumBytes + 16;
/** checksum, type, previous, createRevision, key length. */
const headBytes = sumBytes + 1 + 8 + 8 + 2;
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

/** A number of the table `meta`. */
export function encodeCounter(name: Buffer, revision: bigint): Buffer {
  const out = Buffer.allocUnsafe(sumBytes + 8);
  out.writeBigUInt64BE(revision, sumBytes);
  return sealed(name, out);
}

export function decodeCounter(name: Buffer, bytes: Buffer | undefined): Revision {
  if (bytes === undefined || !isSealed(name, bytes)) throw damaged(`its ${name.toString()}`);
  return bytes.readBigUInt64BE(sumBytes) as Revision;
}

export function encodePointer(key: Buffer, { modRevision, createRevision }: Pointer): Buffer {
  const out = Buffer.allocUnsafe(pointerBytes);
  out.writeBigUInt64BE(modRevision, sumBytes);
  out.writeBigUInt64BE(createRevision, sumBytes + 8);
  return sealed(key, out);
}

export function decodePointer(key: Buffer, bytes: Buffer): Pointer {
  if (bytes.length !== pointerBytes || !isSealed(key, bytes)) {
    throw damaged(`where the value of ${JSON.stringify(key.toString())} is`);
  }
  return {
    modRevision: bytes.readBigUInt64BE(sumBytes) as Revision,
    createRevision: bytes.readBigUInt64BE(sumBytes + 8) as Revision,
  };
}

/** `revision` is the key that the record is filed under. */
export function encodeHistory(revision: Buffer, record: HistoryRecord): Buffer {
  const { key, value, previous, createRevision } = record;
  const keyBytes = Buffer.byteLength(key);
  const out = Buffer.allocUnsafe(headBytes + keyBytes + (value?.length ?? 0));
  out[sumBytes] = value === undefined ? typeDelete : typePut;
  out.writeBigUInt64BE(previous, sumBytes + 1);
  out.writeBigUInt64BE(createRevision, sumBytes + 9);
  out.writeUInt16BE(keyBytes, sumBytes + 17);
  out.write(key, headBytes);
  if (value !== undefined) out.set(value, headBytes + keyBytes);
  return sealed(revision, out);
}

/** The record of a change. */
export function recordOf({ key, value, previous, createRevision }: StoreEvent): HistoryRecord {
  return { key, value, previous: previous?.modRevision ?? (0n as Revision), createRevision };
}

/** `value` is a view of `bytes`. */
export function decodeHistory(revision: Buffer, bytes: Buffer): HistoryRecord {
  const keyEnd = bytes.length < headBytes ? 0 : headBytes + bytes.readUInt16BE(sumBytes + 17);
  if (keyEnd === 0 || bytes.length < keyEnd || !isSealed(revision, bytes)) {
    throw damaged(`the change of revision ${decodeRevision(revision)}`);
  }
  return {
    key: bytes.toString('utf8', headBytes, keyEnd),
    value: bytes[sumBytes] === typePut ? bytes.subarray(keyEnd) : undefined,
    previous: bytes.readBigUInt64BE(sumBytes + 1) as Revision,
    createRevision: bytes.readBigUInt64BE(sumBytes + 9) as Revision,
  };
}

export function damaged(what: string): StoreError {
  return new StoreError('corrupt', `the store is damaged: ${what} is not readable; restore a backup`);
}

function sealed(key: Buffer, record: Buffer): Buffer {
  record.writeUInt32BE(crc32(record.subarray(sumBytes), crc32(key)));
  return record;
}

function isSealed(key: Buffer, record: Buffer): boolean {
  return record.length > sumBytes && record.readUInt32BE() === crc32(record.subarray(sumBytes), crc32(key));
}
