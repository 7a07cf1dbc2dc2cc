/**
 * The few requests that all strategies are made of. Every write names the field manager that OCM's agent uses, and
 * is guarded by uid and resourceVersion when it changes an object that was read before.
 */
import {
  defaultFieldManager,
  hasReason,
  type JsonObject,
  type KubeObject,
  type OwnerReference,
  StatusError,
} from '@flotilla/api';
import { TransportError } from '@flotilla/kube';
import type { Target } from '../planning/plan-manifests.js';
import type { ApplyContext, NotApplied } from './outcome.js';

/** Undefined when there is no such object. */
export async function readLive(target: Target, context: ApplyContext): Promise<KubeObject | undefined> {
  const { client, signal } = context;
  try {
    return await client.get<KubeObject>(target.ref, target.key, { signal });
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/**
 * Whether a refusal says that there is no such object. The 404 of a path that the server does not serve (any more),
 * which names nothing, says nothing about the object.
 */
export function isAbsence(error: unknown): boolean {
  return hasReason(error, 'NotFound') && Boolean(error.status.details?.name);
}

/** Creates the object with its owner in it; undefined when somebody was faster. */
export async function createOwned(
  target: Target,
  manifest: KubeObject,
  context: ApplyContext,
): Promise<KubeObject | undefined> {
  const { client, signal, owner } = context;
  await context.claim(undefined);
  const asked = manifest.metadata.ownerReferences ?? [];
  const ownerReferences = target.owned ? [...asked, owner] : asked;
  const { ownerReferences: _, ...metadata } = manifest.metadata;
  const object: KubeObject = {
    ...manifest,
    metadata: {
      ...withoutRemovals(metadata),
      ...(ownerReferences.length > 0 && { ownerReferences: [...ownerReferences] }),
    },
  };
  try {
    return await client.create(target.ref, object, { signal, fieldManager: defaultFieldManager });
  } catch (error) {
    if (hasReason(error, 'AlreadyExists')) return undefined;
    throw error;
  }
}

/** A key that ends in `-` asks for a removal, of which there is nothing to do in a new object. */
function withoutRemovals(metadata: KubeObject['metadata']): KubeObject['metadata'] {
  const out = { ...metadata };
  for (const field of ['labels', 'annotations'] as const) {
    const entries = Object.entries(metadata[field] ?? {});
    if (entries.some(([key]) => key.endsWith('-'))) {
      out[field] = Object.fromEntries(entries.filter(([key]) => !key.endsWith('-')));
    }
  }
  return out;
}

/** Merges the patch into the very object that was read. @throws StatusError Conflict when it changed since. */
export async function patchLive(
  target: Target,
  patch: {
    readonly live: KubeObject;
    readonly body: JsonObject;
    readonly owners?: readonly OwnerReference[];
  },
  { client, signal, claim }: ApplyContext,
): Promise<KubeObject> {
  const { live, body, owners } = patch;
  const { uid, resourceVersion } = live.metadata;
  if (owners !== undefined) await claim(uid);
  const metadata = body['metadata'] as JsonObject | undefined; // an object or absent, as planPatch makes it
  return client.patch<KubeObject>(target.ref, target.key, {
    type: 'merge',
    body: {
      ...body,
      metadata: { ...metadata, uid, resourceVersion, ...(owners && { ownerReferences: owners }) },
    },
    fieldManager: defaultFieldManager,
    signal,
  });
}

/** A refusal, or no answer at all, as an outcome of this one manifest; anything else is thrown on. */
export function toFailure(error: unknown, live: NotApplied['live']): NotApplied {
  if (!(error instanceof StatusError || error instanceof TransportError)) throw error;
  const failure = { ok: false, reason: 'AppliedManifestFailed', message: error.message, live } as const;
  // A busy server says when to come again; one that is down says so by 503, and is looked for sooner.
  const seconds = hasReason(error, 'TooManyRequests') ? error.status.details?.retryAfterSeconds : undefined;
  return seconds === undefined
    ? { ...failure, retry: 'backoff' }
    : { ...failure, retry: 'later', retryAfterMs: seconds * 1000, isBusy: true };
}
