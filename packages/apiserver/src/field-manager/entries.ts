/**
 * The entries of metadata.managedFields: who an entry belongs to, how entries from a client are read, in which order
 * they are written, and how many are kept. Entries are immutable; an untouched entry stays the same reference. Pure.
 */
import { equal, formatTime, isObject, type KubeObject, type ManagedFieldsEntry } from '@flotilla/api';
import { difference, type FieldSet, FieldsV1Error, parseFieldsV1, toFieldsV1, union } from './field-set.js';

/** At most so many Update entries are kept; the oldest ones beyond that are merged into one. */
export const maxUpdateEntries = 10;

const ancientManager = 'ancient-changes';

/** Who writes: what tells one entry from another, besides the API version of an Apply. */
export interface EntryOwner {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
}

/** True for the entry of that owner. An applier has one entry whatever version it applied through. */
export function isOwnedBy(entry: ManagedFieldsEntry, owner: EntryOwner): boolean {
  return (
    entry.operation === owner.operation &&
    (entry.manager ?? '') === owner.manager &&
    (entry.subresource ?? '') === owner.subresource &&
    (owner.operation === 'Apply' || entry.apiVersion === owner.apiVersion)
  );
}

/** The paths of an entry. */
export function setOf(entry: ManagedFieldsEntry | undefined): FieldSet | undefined {
  if (entry?.fieldsV1 === undefined || Object.keys(entry.fieldsV1).length === 0) return undefined;
  return entry.fieldsV1 as FieldSet; // every stored entry was made or normalized here
}

/** A new entry of that owner. */
export function makeEntry(
  owner: EntryOwner,
  options: { set: FieldSet | undefined; time?: string | undefined },
): ManagedFieldsEntry {
  // In the order of the wire; by assignment, as one is made for nearly every write and spreads are slow.
  const entry: ManagedFieldsEntry = {};
  if (owner.manager !== '') entry.manager = owner.manager;
  entry.operation = owner.operation;
  entry.apiVersion = owner.apiVersion;
  if (options.time !== undefined) entry.time = options.time;
  entry.fieldsType = 'FieldsV1';
  entry.fieldsV1 = toFieldsV1(options.set);
  if (owner.subresource !== '') entry.subresource = owner.subresource;
  return entry;
}

export function entryTime(nowMs: number): string {
  return formatTime(nowMs);
}

/** The entry without some paths: itself when it had none of them, `undefined` when nothing is left. */
export function subtractFromEntry(
  entry: ManagedFieldsEntry,
  ...gone: readonly (FieldSet | undefined)[]
): ManagedFieldsEntry | undefined {
  const old = setOf(entry);
  const rest = gone.reduce<FieldSet | undefined>(difference, old);
  if (rest === undefined) return undefined;
  return rest === old ? entry : { ...entry, fieldsV1: toFieldsV1(rest) };
}

/**
 * What the next change starts from: the live object's entries, or those that the client sent instead of them.
 * `[]` and `[{}]` reset; absent, empty or unreadable ones leave the live entries alone, so that a client that knows
 * nothing of field management cannot lose them. A subresource cannot change them at all.
 */
export function baseEntries(
  live: KubeObject | undefined,
  updated: KubeObject,
  options: { subresource: string },
): readonly ManagedFieldsEntry[] {
  if (live === undefined) return [];
  const current = live.metadata.managedFields ?? [];
  const sent: unknown = updated.metadata?.managedFields;
  if (options.subresource !== '' || !Array.isArray(sent) || sent === current) return current;
  if (sent.length === 0 || (sent.length === 1 && equal(sent[0], {}))) return [];
  if (equal(sent, current)) return current;
  return readEntries(sent) ?? current;
}

/** Ownership that was final before admission stays as it was where admission left what cannot be read. In place. */
export function keepManagedFields(object: KubeObject, before: KubeObject): void {
  const left: unknown = object.metadata.managedFields;
  const { managedFields } = before.metadata;
  if (managedFields === undefined || (Array.isArray(left) && readEntries(left) !== undefined)) return;
  object.metadata.managedFields = managedFields;
}

/** Entries from a client in canonical form; `undefined` when any of them cannot be read. The last one of an owner counts. */
export function readEntries(sent: readonly unknown[]): ManagedFieldsEntry[] | undefined {
  const out: ManagedFieldsEntry[] = [];
  for (const item of sent) {
    const entry = readEntry(item);
    if (entry === undefined) return undefined;
    const owner = ownerOf(entry);
    const same = out.findIndex((other) => isOwnedBy(other, owner));
    if (same >= 0) out.splice(same, 1);
    if (setOf(entry) !== undefined) out.push(entry);
  }
  return sortEntries(out);
}

function readEntry(item: unknown): ManagedFieldsEntry | undefined {
  if (!isObject(item)) return undefined;
  const { manager = '', operation, apiVersion, time, fieldsType, fieldsV1, subresource = '' } = item;
  if (operation !== 'Apply' && operation !== 'Update') return undefined;
  if (typeof apiVersion !== 'string' || apiVersion === '' || fieldsType !== 'FieldsV1') return undefined;
  if (typeof manager !== 'string' || typeof subresource !== 'string') return undefined;
  if (time !== undefined && time !== null && (typeof time !== 'string' || Number.isNaN(Date.parse(time)))) {
    return undefined;
  }
  try {
    const set = parseFieldsV1(fieldsV1 ?? {});
    return makeEntry({ manager, operation, apiVersion, subresource }, { set, time: time ?? undefined });
  } catch (error) {
    if (error instanceof FieldsV1Error) return undefined;
    throw error;
  }
}

export function ownerOf(entry: ManagedFieldsEntry): EntryOwner {
  return {
    manager: entry.manager ?? '',
    operation: entry.operation ?? 'Update',
    apiVersion: entry.apiVersion ?? '',
    subresource: entry.subresource ?? '',
  };
}

function secondsOf(entry: ManagedFieldsEntry): number {
  const ms = entry.time === undefined ? Number.NaN : Date.parse(entry.time);
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000);
}

/** The order on the wire: Apply before Update, then by time, manager, version and subresource. */
export function sortEntries(entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const rows = entries.map((entry) => ({ entry, seconds: secondsOf(entry) }));
  rows.sort(
    (a, b) =>
      compareText(a.entry.operation, b.entry.operation) ||
      a.seconds - b.seconds ||
      compareText(a.entry.manager, b.entry.manager) ||
      compareText(a.entry.apiVersion, b.entry.apiVersion) ||
      compareText(a.entry.subresource, b.entry.subresource),
  );
  return rows.map((row) => row.entry);
}

function compareText(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Keeps at most `maxUpdateEntries` Update entries by merging the oldest ones of each version into one entry
 * of the manager `ancient-changes`, which takes the time of the youngest it swallowed.
 */
export function capUpdateEntries(entries: readonly ManagedFieldsEntry[]): readonly ManagedFieldsEntry[] {
  const updates = sortEntries(entries.filter((entry) => entry.operation === 'Update'));
  let excess = updates.length - maxUpdateEntries;
  if (excess <= 0) return entries;
  const kept = new Set(entries);
  const oldest = new Map<string, ManagedFieldsEntry>();
  const buckets = new Map<string, ManagedFieldsEntry>();
  for (const entry of updates) {
    if (excess === 0) break;
    const version = entry.apiVersion ?? '';
    const owner: EntryOwner = {
      manager: ancientManager,
      operation: 'Update',
      apiVersion: version,
      subresource: '',
    };
    const first = oldest.get(version);
    if (first === undefined) {
      oldest.set(version, entry);
      continue;
    }
    const bucket = buckets.get(version) ?? updates.find((other) => isOwnedBy(other, owner)) ?? first;
    if (bucket === entry) continue;
    const time = secondsOf(bucket) > secondsOf(entry) ? bucket.time : entry.time;
    const merged = makeEntry(owner, { set: union(setOf(bucket), setOf(entry)), time });
    kept.delete(bucket);
    kept.delete(entry);
    kept.add(merged);
    buckets.set(version, merged);
    excess--;
  }
  return [...kept];
}
