/**
 * Lets go of one applied object: deletes it when this work is its last owner, only takes our reference away when
 * another work owns it too, and leaves alone what is not ours (any more). Every write is bound to the very object
 * that was read. Nothing is deleted by name alone. Called for pruned manifests and for deleted works.
 */
import {
  type AppliedManifestWork,
  defaultFieldManager,
  hasReason,
  type KubeObject,
  type OwnerReference,
} from '@flotilla/api';
import { type Discovery, type KubeClient, type ObjectKey, type ResourceRef, toRef } from '@flotilla/kube';
import { isInventoryReference } from '../apply/owner-references.js';
import type { AppliedResource } from './applied-resources.js';

export interface ReleaseOptions {
  readonly client: KubeClient;
  readonly discovery: Pick<Discovery, 'served' | 'refresh'>;
  readonly inventory: AppliedManifestWork;
  /** Objects that the work still has, perhaps under another group's name. */
  readonly keepUids: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

/** What to do with a live object, seen from one owner. */
export type ReleaseStep = 'forget' | 'disown' | 'delete' | 'wait';

export function planRelease(
  live: KubeObject,
  resource: AppliedResource,
  options: Pick<ReleaseOptions, 'inventory' | 'keepUids'>,
): ReleaseStep {
  const { uid: ourUid } = options.inventory.metadata;
  const { uid = '', deletionTimestamp, ownerReferences = [] } = live.metadata;
  if (options.keepUids.has(uid)) return 'forget';
  if (!ownerReferences.some((reference) => reference.uid === ourUid)) return 'forget';
  const others = ownerReferences.filter(
    (reference) => isInventoryReference(reference) && reference.uid !== ourUid,
  );
  if (others.length > 0) return 'disown';
  // An entry without uid was only an intention; then our reference alone tells whose it is.
  if (resource.uid !== undefined && resource.uid !== '' && resource.uid !== uid) return 'forget';
  return deletionTimestamp === undefined ? 'delete' : 'wait';
}

const maxAttempts = 4;

/** `gone` when there is nothing left of ours, `pending` while finalizers hold it. @throws when nothing is known. */
export async function release(
  resource: AppliedResource,
  options: ReleaseOptions,
): Promise<'gone' | 'pending'> {
  let ref = await servedRef(resource, options);
  if (ref === undefined) return 'gone';
  const namespace = resource.namespace ?? '';
  const key: ObjectKey = { name: resource.name, ...(namespace !== '' && { namespace }) };
  for (let attempt = 1; ; attempt++) {
    const live = await readIfThere(ref, key, options);
    if (live === 'gone') return 'gone';
    if (live === 'not served') {
      // The cluster has changed since it was asked: the object may well be there in another version.
      if (attempt >= maxAttempts)
        throw new Error(`${ref.resource} in version ${ref.version} are not served any more`);
      await options.discovery.refresh(options.signal);
      ref = await servedRef(resource, options);
      if (ref === undefined) return 'gone';
      continue;
    }
    const step = planRelease(live, resource, options);
    if (step === 'forget') return 'gone';
    if (step === 'wait') return 'pending';
    try {
      if (step === 'disown') {
        await disown(ref, { key, live }, options);
        return 'gone';
      }
      const { uid, resourceVersion } = live.metadata;
      await options.client.delete(ref, key, {
        propagationPolicy: 'Background',
        preconditions: {
          ...(uid !== undefined && { uid }),
          ...(resourceVersion !== undefined && { resourceVersion }),
        },
        signal: options.signal,
      });
    } catch (error) {
      const isRace = hasReason(error, 'Conflict', 'NotFound');
      if (!isRace || attempt >= maxAttempts) throw error;
    }
  }
}

/** The inventory may name a version that is not served any more; any other one shows the same object. */
async function servedRef(
  { group = '', version, resource }: AppliedResource,
  { discovery, signal }: ReleaseOptions,
): Promise<ResourceRef | undefined> {
  const find = (): ResourceRef | undefined => {
    const served = discovery.served(group).filter((each) => each.resource === resource);
    return served.find((each) => each.version === version) ?? served[0];
  };
  let found = find();
  if (found === undefined) {
    await discovery.refresh(signal);
    found = find();
  }
  return found && toRef(found);
}

async function readIfThere(
  ref: ResourceRef,
  key: ObjectKey,
  { client, signal }: ReleaseOptions,
): Promise<KubeObject | 'gone' | 'not served'> {
  try {
    return await client.get<KubeObject>(ref, key, { signal });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
    // A server that knows the resource names the object it misses; otherwise it is the path that it does not know.
    return error.status.details?.name === undefined ? 'not served' : 'gone';
  }
}

async function disown(
  ref: ResourceRef,
  { key, live }: { readonly key: ObjectKey; readonly live: KubeObject },
  { client, inventory, signal }: ReleaseOptions,
): Promise<void> {
  const { uid, resourceVersion, ownerReferences = [] } = live.metadata;
  const kept: OwnerReference[] = ownerReferences.filter(
    (reference) => reference.uid !== inventory.metadata.uid,
  );
  await client.patch(ref, key, {
    type: 'merge',
    body: { metadata: { uid, resourceVersion, ownerReferences: kept } },
    fieldManager: defaultFieldManager,
    signal,
  });
}
