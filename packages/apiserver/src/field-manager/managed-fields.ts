/**
 * Keeps metadata.managedFields true on every write that is no apply: what the write changed belongs to its author
 * from now on, and to nobody else; what it removed belongs to nobody; all other ownership stays. The caller stores
 * the answer in the object. One walk over the two objects; entries are touched only where something changed.
 * Called by the create, update and patch handlers, and by server-side apply for what came before the first apply.
 */
import type { KubeObject, ManagedFieldsEntry, Schema } from '@flotilla/api';
import {
  baseEntries,
  capUpdateEntries,
  type EntryOwner,
  entryTime,
  isOwnedBy,
  makeEntry,
  setOf,
  sortEntries,
  subtractFromEntry,
} from './entries.js';
import { type FieldSet, recursiveDifference, setOfPath, union } from './field-set.js';
import { rootNode } from './typed-node.js';
import { compareTyped, type Delta } from './typed-walk.js';

/**
 * Brings an object to another version of its kind, for entries that were recorded in that version.
 * `undefined`: the version is not served any more, and its entries are dropped.
 */
export type ConvertVersion = (
  object: KubeObject,
  apiVersion: string,
) => { readonly object: KubeObject; readonly schema: Schema } | undefined;

/** What updates and applies have in common. */
export interface FieldManagerContext {
  /** Of the version through which the request came. */
  readonly schema: Schema;
  /** The name that the author goes by; see `managerName`. */
  readonly manager: string;
  /** The version through which the request came, and in which its objects are. */
  readonly apiVersion: string;
  /** Absent or empty: the main endpoint. */
  readonly subresource?: string | undefined;
  readonly nowMs: number;
  /**
   * Fields that this endpoint does not write, as dotted paths: `status` on the main endpoint of a kind with a
   * status subresource, `metadata` and `spec` on `/status` of a custom resource.
   */
  readonly resetPaths?: readonly string[];
  /** Absent: a field has the same path in every version, which is true of kinds without conversion. */
  readonly convert?: ConvertVersion;
}

export interface UpdateManagedFieldsOptions extends FieldManagerContext {
  /** What is stored; absent on create. */
  readonly live: KubeObject | undefined;
  /** What is about to be stored. The managedFields in it are the client's, and are honoured as Kubernetes does. */
  readonly updated: KubeObject;
  readonly operation?: 'Update';
}

/**
 * The managedFields to store with `updated`, in the order of the wire; empty when the object's fields are not tracked
 * (after a reset, until the next apply). Never throws for odd input: what has no identity is not tracked.
 */
export function updateManagedFields(options: UpdateManagedFieldsOptions): ManagedFieldsEntry[] {
  const { live, updated } = options;
  const entries = baseEntries(live, updated, { subresource: options.subresource ?? '' });
  if (live !== undefined && entries.length === 0) return [];
  return recordUpdate(entries, options);
}

/** As updateManagedFields, but starting from the given entries and never declining to track. */
export function recordUpdate(
  entries: readonly ManagedFieldsEntry[],
  options: UpdateManagedFieldsOptions,
): ManagedFieldsEntry[] {
  const deltas = new DeltaByVersion(options.live, options.updated, options);
  const own = deltas.own;
  const owner: EntryOwner = {
    manager: options.manager === '' ? 'unknown' : options.manager,
    operation: 'Update',
    apiVersion: options.apiVersion,
    subresource: options.subresource ?? '',
  };
  let touched = false;
  let mine: FieldSet | undefined;
  const out: ManagedFieldsEntry[] = [];
  for (const entry of entries) {
    const delta = deltas.of(entry);
    const rest = delta && subtractFromEntry(entry, delta.changed, delta.removed);
    if (rest !== entry) touched = true;
    if (rest === undefined) continue;
    if (own.changed !== undefined && isOwnedBy(entry, owner)) mine = setOf(rest);
    else out.push(rest);
  }
  if (own.changed !== undefined) {
    touched = true;
    out.push(makeEntry(owner, { set: union(mine, own.changed), time: entryTime(options.nowMs) }));
  }
  return touched ? sortEntries(capUpdateEntries(out)) : out;
}

/** The endpoint's reset paths as a set. */
export function resetSet(context: FieldManagerContext): FieldSet | undefined {
  let set: FieldSet | undefined;
  for (const path of context.resetPaths ?? []) {
    set = union(set, setOfPath(path.split('.').map((name) => `f:${name}`)));
  }
  return set;
}

/** What a write changed, in the version that an entry speaks; compared once per version. */
export class DeltaByVersion {
  /** In the request's own version. */
  readonly own: Delta;
  readonly #from: KubeObject | undefined;
  readonly #to: KubeObject;
  readonly #context: FieldManagerContext;
  readonly #others = new Map<string, Delta | undefined>();

  constructor(from: KubeObject | undefined, to: KubeObject, context: FieldManagerContext) {
    this.#from = from;
    this.#to = to;
    this.#context = context;
    this.own = compareWithout(context, from ?? {}, to);
  }

  /** `undefined`: the entry's version is not served any more. */
  of(entry: ManagedFieldsEntry): Delta | undefined {
    const version = entry.apiVersion ?? '';
    const convert = this.#context.convert;
    if (convert === undefined || version === this.#context.apiVersion) return this.own;
    if (!this.#others.has(version)) this.#others.set(version, this.#compareIn(version, convert));
    return this.#others.get(version);
  }

  #compareIn(version: string, convert: ConvertVersion): Delta | undefined {
    const to = convert(this.#to, version);
    const from = this.#from === undefined ? undefined : convert(this.#from, version);
    if (to === undefined || (this.#from !== undefined && from === undefined)) return undefined;
    const context = { ...this.#context, schema: to.schema };
    return compareWithout(context, from?.object ?? {}, to.object);
  }
}

function compareWithout(context: FieldManagerContext, from: object, to: object): Delta {
  const delta = compareTyped(rootNode(context.schema), from, to);
  const resets = resetSet(context);
  if (resets === undefined) return delta;
  return {
    changed: recursiveDifference(delta.changed, resets),
    removed: recursiveDifference(delta.removed, resets),
  };
}
