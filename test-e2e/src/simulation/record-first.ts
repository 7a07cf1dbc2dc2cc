/**
 * What must be written down before it is done, so that no crash in between can lose it: an object belongs to a work
 * only once the work's inventory names it (P6), and an edition of a work is in effect only once the klusterlet has it
 * on disk (P7). Looks only; called by the observer at each change in a cluster.
 */
import { flotillaKey, type KubeObject, type OwnerReference } from '@flotilla/api';

export const inventoryPrefix = '/registry/work.open-cluster-management.io/appliedmanifestworks/';

/** The works' inventories that own the object. */
export function inventoryOwners({ metadata }: KubeObject): readonly OwnerReference[] {
  return (metadata.ownerReferences ?? []).filter(({ kind }) => kind === 'AppliedManifestWork');
}

/** Since when each inventory, by its uid, has owned the object. */
export function ownedSince(
  object: KubeObject,
  before: ReadonlyMap<string, number>,
  nowMs: number,
): ReadonlyMap<string, number> {
  return new Map(inventoryOwners(object).map(({ uid }) => [uid, before.get(uid) ?? nowMs]));
}

/** Names of the inventories that have just come to own the object of this key, and do not name it. */
export function unrecordedOwners(
  key: string,
  change: { readonly object: KubeObject; readonly ownersBefore: ReadonlyMap<string, number> },
  inventory: (key: string) => KubeObject | undefined,
): string[] {
  return inventoryOwners(change.object)
    .filter(({ uid }) => !change.ownersBefore.has(uid))
    .filter(({ name, uid }) => {
      const owner = inventory(`${inventoryPrefix}${name}`);
      return owner?.metadata.uid === uid && !names(owner, key);
    })
    .map(({ name }) => name);
}

interface Resource {
  readonly group?: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly name: string;
}

function names(inventory: KubeObject, key: string): boolean {
  return resourcesOf(inventory).some(
    ({ group = '', resource, namespace = '', name }) =>
      key === `/registry/${group || 'core'}/${resource}/${namespace === '' ? '' : `${namespace}/`}${name}`,
  );
}

/** Its status, and before it has one the intention that it was created with. */
function resourcesOf({ metadata, status }: KubeObject): readonly Resource[] {
  const applied = (status as { appliedResources?: readonly Resource[] } | undefined)?.appliedResources;
  if (applied !== undefined) return applied;
  return JSON.parse(metadata.annotations?.[flotillaKey('intent')] ?? '[]') as readonly Resource[]; // the agent's own
}
