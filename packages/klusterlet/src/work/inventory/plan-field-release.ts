/**
 * What goes from an object when one of several works lets go of it: the fields that only this work has set. A field
 * stays that another work's manifest sets, that another manager has, or of which it is not known who wrote it.
 * The server's own account (managedFields) decides, in the server's own terms, so that items of lists are told apart
 * as it does. Pure; called by the release of an object.
 */
import {
  createMergePatch,
  defaultFieldManager,
  type JsonObject,
  type KubeObject,
  type UpdateStrategy,
} from '@flotilla/api';
import {
  entryOf,
  type FieldsEntry,
  fieldsOf,
  isEmptySet,
  splitBy,
  unite,
  updatesOf,
  without,
  withoutFields,
} from '../apply/field-sets.js';

/** What one edition of one work asks of the object; the manifest is in the object's own apiVersion, normalized. */
export interface Claim {
  readonly manifest: KubeObject;
  readonly strategy: UpdateStrategy;
}

export interface Claims {
  /** Of the work that lets go, in any order. */
  readonly leaving: readonly Claim[];
  /** Of all works that keep the object. */
  readonly staying: readonly Claim[];
}

export interface FieldRelease {
  /** A merge patch without the fields. */
  readonly body: JsonObject;
  /** The account of who has which field, if it must be put right. */
  readonly managedFields: readonly FieldsEntry[] | undefined;
}

/** Whole or in parts, these are not the manifest's: see the strategies. */
const neverOurs: JsonObject = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:status': {},
  'f:metadata': { 'f:ownerReferences': {}, 'f:name': {}, 'f:namespace': {} },
};
/** Whole updates set them when they create an object and leave them alone afterwards. */
const notOfUpdates: JsonObject = { 'f:metadata': { 'f:finalizers': {} } };

/** Undefined when there is nothing to put right. */
export function planFieldRelease(live: KubeObject, { leaving, staying }: Claims): FieldRelease | undefined {
  const writers = leaving.filter(({ strategy }) => isWriter(strategy));
  if (writers.length === 0) return undefined;
  const staysWith = new Set(staying.flatMap(({ strategy }) => applyManager(strategy) ?? []));
  const setByLeaving = writers.map(({ manifest }) => manifest);
  const setByStaying = staying.flatMap(({ strategy, manifest }) =>
    strategy.type === 'ReadOnly' ? [] : [manifest],
  );

  const updates = updatesOf(live);
  const applies = [...new Set(writers.flatMap(({ strategy }) => applyManager(strategy) ?? []))].flatMap(
    (manager) => entryOf(live, manager, 'Apply') ?? [],
  );
  const ours = [...(updates ? [updates] : []), ...applies];
  const entries = live.metadata.managedFields ?? [];
  const strangers = entries.filter((entry) => !ours.includes(entry));
  // Paths in another version may mean other fields.
  if (entries.some(({ apiVersion }) => apiVersion !== live.apiVersion)) return undefined;

  const isOwn = (entry: FieldsEntry): boolean => !staysWith.has(entry.manager ?? '');
  const updated = without(splitBy(fieldsOf(updates), setByLeaving).set, notOfUpdates);
  const claimed = applies.map((entry) =>
    isOwn(entry) ? fieldsOf(entry) : splitBy(fieldsOf(entry), setByLeaving).set,
  );
  const mine = without([updated, ...claimed].reduce(unite, {}), neverOurs);
  const onlyMine = strangers.reduce((fields, entry) => without(fields, fieldsOf(entry)), mine);
  const going = splitBy(onlyMine, setByStaying).unset;

  const left = isEmptySet(going) ? live : (withoutFields(live, going) as JsonObject); // an object stays one
  const body = createMergePatch(live, left);
  const ended = applies.filter(isOwn);
  const managedFields = ended.length === 0 ? undefined : handOver(live, { ended, setByStaying });
  return Object.keys(body).length === 0 && managedFields === undefined ? undefined : { body, managedFields };
}

function isWriter({ type }: UpdateStrategy): boolean {
  return type !== 'CreateOnly' && type !== 'ReadOnly';
}

function applyManager({ type, serverSideApply }: UpdateStrategy): string | undefined {
  return type === 'ServerSideApply' ? (serverSideApply?.fieldManager ?? defaultFieldManager) : undefined;
}

/**
 * The entries of managers that nobody uses any more go, or their fields could never be dropped by anybody. What works
 * set that write whole objects, found as they want it and therefore never wrote themselves, is theirs from now on.
 */
function handOver(
  live: KubeObject,
  {
    ended,
    setByStaying,
  }: { readonly ended: readonly FieldsEntry[]; readonly setByStaying: readonly KubeObject[] },
): readonly FieldsEntry[] | undefined {
  const updates = updatesOf(live);
  const entries = live.metadata.managedFields ?? [];
  const rest = entries.filter((entry) => !ended.includes(entry) && entry !== updates);
  const kept = ended
    .map((entry) => splitBy(without(fieldsOf(entry), neverOurs), setByStaying).set)
    .reduce(unite, {});
  const orphans = rest.reduce((fields, entry) => without(fields, fieldsOf(entry)), kept);
  const fieldsV1 = unite(fieldsOf(updates), orphans);
  const base = updates ?? ended[0];
  if (base === undefined) return undefined;
  const taken: FieldsEntry[] = isEmptySet(fieldsV1)
    ? []
    : [{ ...base, manager: defaultFieldManager, operation: 'Update', fieldsV1 }];
  const next = [...taken, ...rest];
  // A server takes an empty account for a mistake and keeps the old one.
  return next.length === 0 ? undefined : next;
}
