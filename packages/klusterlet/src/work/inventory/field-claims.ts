/**
 * Who sets fields of an object that several works own, as far as this agent knows: from the works of the hub and from
 * the saved copies, with what earlier editions set that may still be in effect. Called by the release of an object.
 */
import {
  type AppliedManifestWork,
  areCompatibleGroups,
  isObject,
  isPlan,
  type KubeObject,
  type ManifestConfigOption,
  type ManifestWork,
} from '@flotilla/api';
import type { ResourceRef } from '@flotilla/kube';
import { normalizeManifest } from '../apply/normalize.js';
import { isInventoryReference } from '../apply/owner-references.js';
import { readManifest } from '../planning/identity.js';
import { settingsFor } from '../planning/manifest-settings.js';
import type { SavedWorks } from '../saved-works.js';
import type { WorkSource } from '../work-source.js';
import type { Inventories } from './inventories.js';
import type { Claim, Claims } from './plan-field-release.js';

export interface FieldClaimsOptions {
  readonly source: Pick<WorkSource, 'get' | 'names'>;
  readonly saved: Pick<SavedWorks, 'get' | 'names'>;
  readonly inventories: Pick<Inventories, 'list' | 'nameFor'>;
}

/** The object that is let go of, as it was read, and the inventory that does. */
export interface SharedObject {
  readonly ref: ResourceRef;
  readonly live: KubeObject;
  readonly inventory: AppliedManifestWork;
}

/** Undefined when not all owners' wishes are known: then nobody can say what only the leaving one set. */
export type FieldClaims = (shared: SharedObject) => Claims | undefined;

/** Something that names manifests, with the settings that go with them. */
interface Edition {
  readonly manifests: readonly unknown[];
  readonly configs: readonly ManifestConfigOption[] | undefined;
}

export function createFieldClaims({ source, saved, inventories }: FieldClaimsOptions): FieldClaims {
  const nameOf = (inventory: AppliedManifestWork): string | undefined => {
    const work = inventory.spec?.manifestWorkName ?? '';
    return inventories.nameFor(work) === inventory.metadata.name ? work : undefined;
  };
  /** What is wanted of a work on the hub, and what it may have applied. */
  const editionsOf = (work: string): { wanted: Edition[]; applied: Edition[] } => {
    const known = source.get(work);
    const now = known && isPlan(known) ? undefined : known; // of a plan nothing is applied
    const copy = saved.get(work);
    const isGoing = now === undefined || now.metadata.deletionTimestamp !== undefined;
    const former = (copy?.previous ?? []).map(({ manifest, configs }) => ({
      manifests: [manifest],
      configs,
    }));
    const editions = [...(now ? [editionOf(now)] : []), ...(copy ? [editionOf(copy.work)] : []), ...former];
    return { wanted: isGoing || now === undefined ? [] : [editionOf(now)], applied: editions };
  };

  return (shared) => {
    const { live, inventory } = shared;
    const leaver = nameOf(inventory);
    if (leaver === undefined) return undefined;
    const owners = (live.metadata.ownerReferences ?? []).filter(isInventoryReference);
    const byUid = new Map(inventories.list().map((each) => [each.metadata.uid, each]));
    const names = new Set([...source.names(), ...saved.names()]);
    for (const { uid } of owners) {
      if (uid === inventory.metadata.uid) continue;
      const other = byUid.get(uid);
      const work = other && nameOf(other);
      if (work === undefined || !names.has(work)) return undefined;
    }
    const staying: Claim[] = [];
    for (const name of names) {
      const { wanted, applied } = editionsOf(name);
      const claims = claimsOf(name === leaver ? wanted : applied, shared);
      if (claims === undefined) return undefined;
      staying.push(...claims);
    }
    const { applied } = editionsOf(leaver);
    const leaving = applied.flatMap((edition) => claimsOf([edition], shared) ?? []);
    return { leaving, staying };
  };
}

function editionOf({ spec }: ManifestWork): Edition {
  return { manifests: spec?.workload?.manifests ?? [], configs: spec?.manifestConfigs };
}

/** Undefined when one of them is in another version only: its fields may have other names there. */
function claimsOf(editions: readonly Edition[], { ref, live }: SharedObject): Claim[] | undefined {
  const { name = '', namespace = '' } = live.metadata;
  const place = { group: ref.group, resource: ref.resource, namespace, name };
  const claims: Claim[] = [];
  for (const { manifests, configs } of editions) {
    let isInOtherVersion = false;
    let isFound = false;
    for (const manifest of manifests) {
      if (nameIn(manifest) !== name) continue; // most are not, and reading one costs a copy
      const read = readManifest(manifest);
      if (!('object' in read) || !isFor(read.identity, { ref, live })) continue;
      if (read.object.apiVersion === live.apiVersion) {
        isFound = true;
        const { strategy } = settingsFor(place, configs);
        claims.push({ manifest: normalizeManifest(read.object, namespace), strategy });
      } else isInOtherVersion = true;
    }
    if (isInOtherVersion && !isFound) return undefined;
  }
  return claims;
}

function nameIn(manifest: unknown): unknown {
  const metadata = isObject(manifest) ? manifest['metadata'] : undefined;
  return isObject(metadata) ? metadata['name'] : undefined;
}

function isFor(
  { kind, group, namespace }: { readonly kind: string; readonly group: string; readonly namespace: string },
  { ref, live }: Pick<SharedObject, 'ref' | 'live'>,
): boolean {
  const isSamePlace = !ref.namespaced || namespace === (live.metadata.namespace ?? '');
  return kind === live.kind && areCompatibleGroups(kind, [group, ref.group]) && isSamePlace;
}
