/**
 * The format of a store on disk: its number, and how a store of an older one becomes the present one. All steps of an
 * upgrade and the new number are one transaction: a crash leaves the old store or the new one, whole. An older version
 * of this software refuses a newer store by its number, and there is no way back but a backup.
 */
import type { Database, RootDatabase } from 'lmdb';
import type { Revision } from '../storage/store.js';
import { StoreError } from '../storage/store-errors.js';
import {
  damaged,
  decodeRevision,
  encodeCounter,
  encodeHistory,
  encodePointer,
  encodeRevision,
} from './lmdb-store-records.js';

export type Table = Database<Buffer, Buffer>;

export interface Tables {
  readonly meta: Table;
  readonly objects: Table;
  readonly history: Table;
}

/** Makes a store of format `from` one of format `from + 1`, in the caller's transaction. */
export interface UpgradeStep {
  readonly from: number;
  readonly what: string;
  run(tables: Tables): void;
}

/** What `lmdb-store-records.ts` reads and writes. */
export const formatVersion = 2;

/** One for each format before the present one, oldest first. */
export const upgradeSteps: readonly UpgradeStep[] = Object.freeze([
  { from: 1, what: 'checksums in every record', run: addChecksums },
]);

export const counters = Object.freeze({
  revision: Buffer.from('revision'),
  compacted: Buffer.from('compacted'),
  swept: Buffer.from('swept'),
});
const formatKey = Buffer.from('format');

export interface FormatOptions {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly tables: Tables;
  readonly directory: string;
  /** Default: this version's; tests give others. */
  readonly steps?: readonly UpgradeStep[];
}

/** The store's format; undefined when there is none yet. @throws StoreError for what is no format of ours. */
export function readFormat({ tables, directory, steps = upgradeSteps }: FormatOptions): number | undefined {
  const bytes = tables.meta.get(formatKey);
  if (bytes === undefined) return undefined;
  const version = decodeRevision(bytes);
  if (version === undefined || version < 1n) throw damaged('its format version');
  const newest = newestFormat(steps);
  if (version > BigInt(newest)) {
    throw new StoreError(
      'newer-format',
      `the data directory ${directory} was written by a newer version (format ${version}, this version reads ${newest}); use that version, or restore a backup that was made before the upgrade`,
    );
  }
  return Number(version);
}

/** Within the caller's transaction. */
export function writeFormat(meta: Table, version: number): void {
  void meta.put(formatKey, encodeRevision(BigInt(version)));
}

/** Brings a store of an older format to the present one. Does nothing to one that is. @throws StoreError */
export function upgrade(options: FormatOptions): void {
  const { root, tables, directory, steps = upgradeSteps } = options;
  const found = readFormat(options);
  const newest = newestFormat(steps);
  if (found === undefined || found === newest) return;
  const due = steps.filter(({ from }) => from >= found);
  if (due.length !== newest - found) {
    throw new StoreError(
      'older-format',
      `the data directory ${directory} has format ${found}, from which this version cannot upgrade; start a version in between first`,
    );
  }
  root.transactionSync(() => {
    for (const step of due) step.run(tables);
    writeFormat(tables.meta, newest);
  });
}

function newestFormat(steps: readonly UpgradeStep[]): number {
  return (steps.at(-1)?.from ?? formatVersion - 1) + 1;
}

/** Format 1 had the same records without checksums, and plain numbers. */
function addChecksums({ meta, objects, history }: Tables): void {
  for (const name of Object.values(counters)) {
    const revision = decodeRevision(meta.get(name));
    if (revision === undefined) throw damaged(`its ${name.toString()}`);
    meta.putSync(name, encodeCounter(name, revision));
  }
  // Keys first: a cursor must not walk a tree that is being rewritten.
  for (const key of [...objects.getKeys()]) {
    const pointer = objects.get(key);
    if (pointer?.length !== 16) throw damaged('an object pointer');
    const modRevision = pointer.readBigUInt64BE(0) as Revision;
    objects.putSync(key, encodePointer(key, { modRevision, createRevision: readRevision(pointer, 8) }));
  }
  for (const revision of [...history.getKeys()]) {
    const bytes = history.get(revision);
    const keyEnd = bytes === undefined || bytes.length < 19 ? 0 : 19 + bytes.readUInt16BE(17);
    if (bytes === undefined || keyEnd === 0 || bytes.length < keyEnd || (bytes[0] !== 1 && bytes[0] !== 2)) {
      throw damaged('a change');
    }
    history.putSync(
      revision,
      encodeHistory(revision, {
        key: bytes.toString('utf8', 19, keyEnd),
        value: bytes[0] === 1 ? bytes.subarray(keyEnd) : undefined,
        previous: readRevision(bytes, 1),
        createRevision: readRevision(bytes, 9),
      }),
    );
  }
}

function readRevision(bytes: Buffer, at: number): Revision {
  return bytes.readBigUInt64BE(at) as Revision;
}
