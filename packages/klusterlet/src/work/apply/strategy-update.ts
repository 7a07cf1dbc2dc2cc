/**
 * The strategies that write whole fields: Update holds every field of the manifest, CreateOnly only brings the object
 * into being, ReadOnly looks. Nothing is written when nothing differs, and nobody else's change is overwritten unseen.
 * A server that refuses a merged object (fields that exclude each other) is sent the manifest as it is; a few kinds
 * that it will not change are made anew.
 */
import {
  applyMergePatch,
  defaultFieldManager,
  hasReason,
  isObject,
  type JsonObject,
  type KubeObject,
  type OwnerReference,
} from '@flotilla/api';
import type { Target } from '../planning/plan-manifests.js';
import { planPatch } from './desired-state.js';
import { refuseTooSoon } from './limit-corrections.js';
import { createOwned, isAbsence, patchLive, readLive, toFailure } from './object-access.js';
import type { ApplyContext, Outcome } from './outcome.js';
import { planOwners } from './owner-references.js';
import { recreate } from './recreate.js';

/** As often as OCM's agent tries before it backs off. */
const maxAttempts = 4;

/** Reads, decides, writes; again when the object changed in between. */
export async function applyUpdate(
  target: Target,
  manifest: KubeObject,
  context: ApplyContext,
): Promise<Outcome> {
  return withLive(target, { manifest, context }, (live) => correct(target, { live, manifest }, context));
}

/** Creates what is not there and leaves the rest alone but for its owners. */
export async function applyCreateOnly(
  target: Target,
  manifest: KubeObject,
  context: ApplyContext,
): Promise<Outcome> {
  return withLive(target, { manifest, context }, (live) => settleOwners(target, live, context));
}

export async function applyReadOnly(target: Target, context: ApplyContext): Promise<Outcome> {
  return { ok: true, live: await readLive(target, context), wrote: false };
}

/** Adds or drops the owner reference of an object that is otherwise as it should be. */
export async function settleOwners(
  target: Target,
  live: KubeObject,
  context: ApplyContext,
): Promise<Outcome> {
  const owners = planOwners(live.metadata.ownerReferences, { owner: context.owner, owned: target.owned });
  if (owners === undefined) return { ok: true, live, wrote: false };
  return { ok: true, live: await patchLive(target, { live, body: {}, owners }, context), wrote: true };
}

interface Attempt {
  readonly manifest: KubeObject;
  readonly context: ApplyContext;
}

async function withLive(
  target: Target,
  { manifest, context }: Attempt,
  act: (live: KubeObject) => Promise<Outcome>,
): Promise<Outcome> {
  let live: KubeObject | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      live = attempt === 1 && context.expectAbsent ? undefined : await readLive(target, context);
      if (live !== undefined) return await act(live);
      const refusal = attempt === 1 ? refuseTooSoon('absent', context) : undefined;
      if (refusal !== undefined) return refusal;
      const created = await createOwned(target, manifest, context);
      if (created !== undefined) return settle(created, { manifest, context });
    } catch (error) {
      const isRace = hasReason(error, 'Conflict') || (live !== undefined && hasReason(error, 'NotFound'));
      if (!isRace || attempt >= maxAttempts) return toFailure(error, live ?? absentIf(error));
    }
    if (attempt >= maxAttempts) {
      const message = 'the object is created and deleted by somebody else all the time';
      return { ok: false, reason: 'AppliedManifestFailed', message, live: undefined, retry: 'backoff' };
    }
  }
}

/** A refused creation says that the object is not there; a server in trouble says nothing. */
function absentIf(error: unknown): 'absent' | undefined {
  const known = hasReason(error, 'Invalid', 'Forbidden', 'BadRequest', 'MethodNotAllowed');
  return known || isAbsence(error) ? 'absent' : undefined;
}

async function correct(
  target: Target,
  { live, manifest }: { readonly live: KubeObject; readonly manifest: KubeObject },
  context: ApplyContext,
): Promise<Outcome> {
  const patch = planPatch(live, manifest, context);
  const text = Object.keys(patch).length === 0 ? undefined : JSON.stringify(patch);
  const isSettled = text === undefined || text === context.remembered?.settled;
  const owners = planOwners(live.metadata.ownerReferences, {
    owner: context.owner,
    owned: target.owned,
    // Once they were set, whoever took one away has his reasons: a garbage collector does when that owner is gone.
    wanted: context.remembered === undefined ? manifest.metadata.ownerReferences : [],
  });
  if (isSettled && owners === undefined) {
    return { ok: true, live, wrote: false, ...(text !== undefined && { settled: text }) };
  }
  const refusal = isSettled ? undefined : refuseCorrection(live, context);
  if (refusal) {
    if (owners !== undefined) await patchLive(target, { live, body: {}, owners }, context);
    return refusal;
  }
  const body = isSettled ? {} : patch;
  try {
    const written = await patchLive(target, { live, body, ...(owners && { owners }) }, context);
    return settle(written, { manifest, context });
  } catch (error) {
    if (!hasReason(error, 'Invalid')) throw error;
    const object = replacement({ live, manifest, patch: body, owners });
    const replaced = await replace(target, object, context);
    if (replaced !== undefined) return settle(replaced, { manifest, context });
    const made = await recreate(target, { live, object }, context);
    if (made === undefined) throw error;
    return 'failure' in made ? made.failure : settle(made.created, { manifest, context });
  }
}

function refuseCorrection(live: KubeObject, context: ApplyContext): Outcome | undefined {
  const { contestedBy } = context;
  if (contestedBy !== undefined) {
    const message = `ManifestWork "${contestedBy}" applies the same object with other values and was first`;
    return { ok: false, reason: 'AppliedManifestFailed', message, live, retry: 'later' };
  }
  return refuseTooSoon(live, context);
}

/** Whatever still differs after a write is what the server makes of the manifest. */
function settle(live: KubeObject, { manifest, context }: Attempt): Outcome {
  const patch = planPatch(live, manifest, context);
  const isDone = Object.keys(patch).length === 0;
  return { ok: true, live, wrote: true, ...(!isDone && { settled: JSON.stringify(patch) }) };
}

interface Replacement {
  readonly live: KubeObject;
  readonly manifest: KubeObject;
  readonly patch: JsonObject;
  readonly owners: readonly OwnerReference[] | undefined;
}

/** As OCM's agent writes: the manifest whole, with the live metadata. */
function replacement({ live, manifest, patch, owners }: Replacement): KubeObject {
  const { metadata } = applyMergePatch(live, { metadata: patch['metadata'] ?? {} }) as KubeObject; // still an object
  const status = live['status'];
  return {
    ...manifest,
    ...(isObject(status) && { status }),
    metadata: { ...metadata, ...(owners && { ownerReferences: [...owners] }) },
  };
}

/** Undefined when that is refused too. */
async function replace(
  target: Target,
  object: KubeObject,
  { client, signal }: ApplyContext,
): Promise<KubeObject | undefined> {
  try {
    return await client.update(target.ref, object, { signal, fieldManager: defaultFieldManager });
  } catch (error) {
    if (hasReason(error, 'Invalid', 'BadRequest')) return undefined;
    throw error;
  }
}
