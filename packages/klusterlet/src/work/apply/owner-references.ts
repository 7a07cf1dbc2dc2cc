/**
 * Whose an applied object is. Each work adds a reference to its inventory object and nothing else; several works may
 * own one object. Other agents compare these references literally. Pure.
 */
import {
  type AppliedManifestWork,
  equal,
  formatApiVersion,
  isObject,
  type OwnerReference,
  workGroupName,
} from '@flotilla/api';

const apiVersion = formatApiVersion({ group: workGroupName, version: 'v1' });
const kind = 'AppliedManifestWork';

export function ownerReferenceTo(inventory: AppliedManifestWork): OwnerReference {
  const { name = '', uid = '' } = inventory.metadata;
  return { apiVersion, kind, name, uid };
}

export function isInventoryReference(reference: OwnerReference): boolean {
  return reference.apiVersion === apiVersion && reference.kind === kind;
}

export interface OwnerPlan {
  readonly owner: OwnerReference;
  readonly owned: boolean;
  /** References that the manifest itself asks for. */
  readonly wanted?: readonly OwnerReference[] | undefined;
}

/** The references the object should have, or undefined when it has them. */
export function planOwners(
  now: readonly OwnerReference[] | undefined,
  { owner, owned, wanted = [] }: OwnerPlan,
): readonly OwnerReference[] | undefined {
  const current = now ?? [];
  const kept = owned ? current : current.filter(({ uid }) => uid !== owner.uid);
  const asked = [
    ...(Array.isArray(wanted) ? (wanted as OwnerReference[]).filter((each) => isObject(each)) : []),
    ...(owned ? [owner] : []),
  ];
  const missing = asked.filter(({ uid }) => !kept.some((reference) => reference.uid === uid));
  const next = [...kept, ...missing];
  return equal(current, next) ? undefined : next;
}
