/**
 * Server-side apply: merges a configuration into the live object, removes what its manager no longer applies and
 * nobody else owns, and refuses to change what others own unless forced. Inputs are not mutated. Defaulting, pruning
 * of unknown fields, validation and storage are the caller's. Called by the PATCH handler.
 */
import { equal, isObject, type KubeObject, type ManagedFieldsEntry, newBadRequest } from '@flotilla/api';
import { type ApplyConflict, conflictsOf, conflictsOutside, newApplyConflict } from './apply-conflict.js';
import {
  type EntryOwner,
  entryTime,
  isOwnedBy,
  makeEntry,
  setOf,
  sortEntries,
  subtractFromEntry,
} from './entries.js';
import { difference, type FieldSet, intersection, recursiveDifference, union } from './field-set.js';
import { fieldsProvenByLastApplied, migratingManager, refreshLastApplied } from './last-applied.js';
import { DeltaByVersion, type FieldManagerContext, recordUpdate, resetSet } from './managed-fields.js';
import { mergeTyped, pruneTyped } from './typed-merge.js';
import { rootNode, type TypedNode } from './typed-node.js';
import { fieldSetOf } from './typed-walk.js';

export interface ServerSideApplyOptions extends FieldManagerContext {
  /** What is stored; absent when the apply creates the object. */
  readonly live: KubeObject | undefined;
  /** The body of the request. */
  readonly applied: KubeObject;
  /** Take over what others own instead of failing. */
  readonly force: boolean;
}

export interface ServerSideApplyResult {
  /** The merged object with the new managedFields in its metadata; `live` itself when nothing changed. */
  readonly object: KubeObject;
  readonly managedFields: ManagedFieldsEntry[];
  /** False: neither the object nor its ownership changed. */
  readonly changed: boolean;
}

/**
 * Applies a configuration. Throws StatusError: 409 with a `FieldManagerConflict` cause per field that another manager
 * owns with another value; 400 for another version than the URL's, for managedFields in the body, and for
 * associative lists that name an item twice.
 */
export function serverSideApply(options: ServerSideApplyOptions): ServerSideApplyResult {
  checkApplied(options);
  const attempt = new Attempt(options);
  let conflicts: readonly ApplyConflict[] = options.force ? [] : attempt.conflicts();
  if (conflicts.length > 0 && options.manager === migratingManager) {
    conflicts = conflictsOutside(conflicts, fieldsProvenByLastApplied(attempt.type, options.live));
  }
  if (conflicts.length > 0) throw newApplyConflict(conflicts);
  return attempt.result();
}

function checkApplied({ applied, apiVersion }: ServerSideApplyOptions): void {
  if (applied.apiVersion !== apiVersion) {
    throw newBadRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${applied.apiVersion}, expected: ${apiVersion}`,
    );
  }
  const sent: unknown = applied.metadata?.managedFields;
  if (sent !== undefined && sent !== null) throw newBadRequest('metadata.managedFields must be nil');
}

/** One apply, up to the question whether it may. */
class Attempt {
  readonly type: TypedNode;
  readonly #options: ServerSideApplyOptions;
  readonly #owner: EntryOwner;
  readonly #previous: ManagedFieldsEntry | undefined;
  readonly #others: readonly ManagedFieldsEntry[];
  readonly #set: FieldSet | undefined;
  readonly #object: KubeObject;
  readonly #deltas: DeltaByVersion;

  constructor(options: ServerSideApplyOptions) {
    const { live, applied, apiVersion, manager, subresource = '' } = options;
    this.#options = options;
    this.type = rootNode(options.schema);
    this.#owner = { manager, operation: 'Apply', apiVersion, subresource };
    const entries = entriesBefore(options);
    this.#previous = entries.find((entry) => isOwnedBy(entry, this.#owner));
    this.#others = entries.filter((entry) => entry !== this.#previous);
    this.#set = recursiveDifference(fieldSetOf(this.type, applied), resetSet(options));
    const base: object = live ?? { apiVersion, kind: applied.kind };
    const merged = mergeTyped(this.type, base, withoutServerFields(applied));
    this.#object = this.#prune(merged) as KubeObject; // an object stays one
    this.#deltas = new DeltaByVersion(live, this.#object, options);
  }

  #prune(merged: unknown): unknown {
    const last = difference(setOf(this.#previous), this.#set);
    if (last === undefined) return merged;
    const owners = this.#others.reduce((all, entry) => union(all, setOf(entry)), this.#set);
    return pruneTyped(this.type, merged, { last, owners });
  }

  conflicts(): ApplyConflict[] {
    return this.#others.flatMap((entry) => {
      const contested = intersection(setOf(entry), this.#deltas.of(entry)?.changed);
      return contested === undefined ? [] : conflictsOf(entry, contested);
    });
  }

  result(): ServerSideApplyResult {
    const { live, applied, manager } = this.#options;
    const object = manager === migratingManager ? refreshLastApplied(this.#object, applied) : this.#object;
    const managedFields = this.#entries(object !== live);
    const stored = live?.metadata.managedFields ?? [];
    if (live !== undefined && object === live && equal(managedFields, stored)) {
      return { object: live, managedFields: [...stored], changed: false };
    }
    const metadata: KubeObject['metadata'] = { ...object.metadata, managedFields };
    if (managedFields.length === 0) delete metadata.managedFields;
    return { object: { ...object, metadata }, managedFields, changed: true };
  }

  #entries(objectChanged: boolean): ManagedFieldsEntry[] {
    const out = this.#others.flatMap((entry) => {
      const delta = this.#deltas.of(entry);
      const rest = delta && subtractFromEntry(entry, delta.changed, delta.removed);
      return rest === undefined ? [] : [rest];
    });
    const previous = this.#previous;
    if (this.#set !== undefined) {
      const same =
        !objectChanged &&
        previous?.apiVersion === this.#owner.apiVersion &&
        equal(previous.fieldsV1, this.#set);
      out.push(
        same && previous !== undefined
          ? previous
          : makeEntry(this.#owner, { set: this.#set, time: entryTime(this.#options.nowMs) }),
      );
    }
    return sortEntries(out);
  }
}

/** The live entries; for an object that was never tracked, one that credits all it holds to those before us. */
function entriesBefore(options: ServerSideApplyOptions): readonly ManagedFieldsEntry[] {
  const entries = options.live?.metadata.managedFields ?? [];
  if (options.live === undefined || entries.length > 0) return entries;
  return recordUpdate([], {
    ...options,
    live: undefined,
    updated: options.live,
    manager: 'before-first-apply',
  });
}

/** Typed clients send `creationTimestamp: null` with every object; it must not wipe the stored one. */
function withoutServerFields(applied: KubeObject): KubeObject {
  const metadata: unknown = applied.metadata;
  if (!isObject(metadata)) return applied;
  const { creationTimestamp: _created, managedFields: _managed, ...rest } = metadata;
  return { ...applied, metadata: rest };
}
