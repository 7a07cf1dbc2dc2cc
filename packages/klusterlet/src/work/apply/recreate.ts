/**
 * Replaces objects of the kinds whose content cannot be changed in place, as OCM's agent does for its Update strategy:
 * deletes the object and creates it as the manifest says, with the live labels, annotations and owners. Nothing is
 * deleted unless the server would take the new object. An agent that stops in between creates it in its next pass.
 */
import {
  defaultFieldManager,
  hasReason,
  type JsonObject,
  type KubeObject,
  type OwnerReference,
} from '@flotilla/api';
import type { Target } from '../planning/plan-manifests.js';
import { normalizeManifest } from './normalize.js';
import { createOwned } from './object-access.js';
import type { ApplyContext, NotApplied } from './outcome.js';

/** `group/resource`. Others lose state, or all that hangs on them, with their object. */
const recreated = new Set(['/secrets', 'storage.k8s.io/storageclasses', 'storage.k8s.io/csidrivers']);

export interface Recreation {
  readonly live: KubeObject;
  /** The manifest with the metadata that the object is to have. */
  readonly object: KubeObject;
}

export type Recreated = { readonly created: KubeObject } | { readonly failure: NotApplied };

/**
 * The new object; a failure when a finalizer holds the old one. Undefined when it is no case for this: another kind,
 * or an object that the server would refuse also as a new one.
 */
export async function recreate(
  target: Target,
  { live, object }: Recreation,
  context: ApplyContext,
): Promise<Recreated | undefined> {
  const { ref, key } = target;
  if (!recreated.has(`${ref.group}/${ref.resource}`)) return undefined;
  const owners = (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== context.owner.uid);
  const fresh = asNew(target, object, owners);
  if (!(await wouldBeTaken(target, fresh, context))) return undefined;
  const { uid, resourceVersion, deletionTimestamp } = live.metadata;
  if (deletionTimestamp === undefined) {
    await context.client.delete(ref, key, {
      preconditions: {
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
      propagationPolicy: 'Background',
      signal: context.signal,
    });
  }
  const created = await createOwned(target, fresh, context);
  return created === undefined ? { failure: held(live) } : { created };
}

/** Finalizers were for the object that goes. */
function asNew(target: Target, object: KubeObject, ownerReferences: OwnerReference[]): KubeObject {
  const fresh = normalizeManifest(object, target.key.namespace ?? '');
  const { finalizers: _, ...metadata } = fresh.metadata;
  return { ...fresh, metadata: { ...metadata, ownerReferences } };
}

/** A server validates what it is to create before it looks whether the name is taken. */
async function wouldBeTaken(
  { ref }: Target,
  object: KubeObject,
  { client, signal }: ApplyContext,
): Promise<boolean> {
  try {
    await client.create<JsonObject>(ref, object, { dryRun: true, signal, fieldManager: defaultFieldManager });
    return true;
  } catch (error) {
    if (hasReason(error, 'AlreadyExists')) return true;
    if (hasReason(error, 'Invalid', 'BadRequest')) return false;
    throw error;
  }
}

function held(live: KubeObject): NotApplied {
  const finalizers = live.metadata.finalizers ?? [];
  const what =
    finalizers.length === 0 ? 'it is still there' : `its finalizers hold it: ${finalizers.join(', ')}`;
  const message = `the object cannot be changed in place and was deleted to be made anew, but ${what}`;
  return { ok: false, reason: 'AppliedManifestFailed', message, live, retry: 'backoff' };
}
