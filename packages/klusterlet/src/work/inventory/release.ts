/**
 * Lets go of one applied object: deletes it when this work is its last owner, takes our reference away, and with it
 * what only this work has set, when another work owns it too, and leaves alone what is not ours (any more). Every write is bound to the very object
 * that was read. Nothing is deleted by name alone. Called for pruned manifests and for deleted works.
 */
import {
  type AppliedManifestWork,
  defaultFieldManager,
  hasReason,
  isObject,
  type JsonObject,
  type KubeObject,
  type OwnerReference,
} from '@flotilla/api';
import { type Discovery, type KubeClient, type ObjectKey, type ResourceRef, toRef } from '@flotilla/kube';
import { isInventoryReference } from '../apply/owner-references.js';
import type { AppliedResource } from './applied-resources.js';
import { deletionPropagation, foregroundFinalizer } from './deletion-propagation.js';
import type { FieldClaims } from './field-claims.js';
import { planFieldRelease } from './plan-field-release.js';

export interface ReleaseOptions {
  /** Looks, and takes our owner reference away. */
  readonly client: KubeClient;
  /** Deletes objects and fields: the executor where the work has one. */
  readonly actor: KubeClient;
  readonly claims: FieldClaims;
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

export type Released = { readonly state: 'gone' } | { readonly state: 'pending'; readonly why: string };

const gone: Released = Object.freeze({ state: 'gone' });

/** `gone` when there is nothing left of ours, `pending` while something holds it. @throws when nothing is known. */
export async function release(resource: AppliedResource, options: ReleaseOptions): Promise<Released> {
  let ref = await servedRef(resource, options);
  if (ref === undefined) return gone;
  const namespace = resource.namespace ?? '';
  const key: ObjectKey = { name: resource.name, ...(namespace !== '' && { namespace }) };
  for (let attempt = 1; ; attempt++) {
    const live = await readIfThere(ref, key, options);
    if (live === 'gone') return gone;
    if (live === 'not served') {
      // The cluster has changed since it was asked: the object may well be there in another version.
      if (attempt >= maxAttempts)
        throw new Error(`${ref.resource} in version ${ref.version} are not served any more`);
      await options.discovery.refresh(options.signal);
      ref = await servedRef(resource, options);
      if (ref === undefined) return gone;
      continue;
    }
    const step = planRelease(live, resource, options);
    if (step === 'forget') return gone;
    if (step === 'wait') return { state: 'pending', why: describeHold(ref, live) };
    try {
      if (step === 'disown') {
        await disown(ref, { key, live }, options);
        return gone;
      }
      const { uid, resourceVersion } = live.metadata;
      await options.actor.delete(ref, key, {
        propagationPolicy: deletionPropagation(ref),
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

/** Why an object that is being deleted is still there, as far as it tells. */
function describeHold({ resource }: ResourceRef, { metadata, status }: KubeObject): string {
  const { namespace, name, finalizers = [] } = metadata;
  const what = `${resource} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
  const conditions = isObject(status) && Array.isArray(status['conditions']) ? status['conditions'] : [];
  const told = conditions.flatMap((condition: unknown) =>
    resource === 'namespaces' && isObject(condition) && condition['status'] === 'True'
      ? [typeof condition['message'] === 'string' ? condition['message'] : '']
      : [],
  );
  if (told.length > 0) return `${what} is being emptied: ${told.join('; ')}`;
  const others = finalizers.filter((finalizer) => finalizer !== foregroundFinalizer);
  if (others.length > 0) return `${what} is held by the finalizers ${others.join(', ')}`;
  return finalizers.length > 0 ? `${what} waits until what it owns is gone` : `${what} is on its way out`;
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

/** One write: our reference must not be gone while fields that nobody would ever take away are still there. */
async function disown(
  ref: ResourceRef,
  { key, live }: { readonly key: ObjectKey; readonly live: KubeObject },
  { client, actor, claims, inventory, signal }: ReleaseOptions,
): Promise<void> {
  const { uid, resourceVersion, ownerReferences = [] } = live.metadata;
  const kept: OwnerReference[] = ownerReferences.filter(
    (reference) => reference.uid !== inventory.metadata.uid,
  );
  const send = (by: KubeClient, body: JsonObject, more: JsonObject): Promise<unknown> =>
    by.patch(ref, key, {
      type: 'merge',
      body: {
        ...body,
        metadata: {
          ...(body['metadata'] as JsonObject | undefined), // as the plan makes it
          ...more,
          uid,
          resourceVersion,
          ownerReferences: kept,
        },
      },
      fieldManager: defaultFieldManager,
      signal,
    });
  const known = claims({ ref, live, inventory });
  const fields = known && planFieldRelease(live, known);
  if (fields === undefined) {
    await send(client, {}, {});
    return;
  }
  const { body, managedFields } = fields;
  try {
    await send(actor, body, managedFields === undefined ? {} : { managedFields });
  } catch (error) {
    if (!hasReason(error, 'Invalid')) throw error;
    await send(client, {}, {}); // such an object cannot be without them
  }
}
