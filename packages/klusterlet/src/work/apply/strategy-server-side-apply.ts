/**
 * The ServerSideApply strategy: the server merges and keeps account of who owns which field. A field conflict is
 * reported and waits for a change; meanwhile the other fields of an object that is ours are held. With ignoreFields an
 * object whose manifest did not change is left alone, as OCM's agent does: the hash of the manifest stands in an
 * annotation of the object.
 */
import { createHash } from 'node:crypto';
import {
  configSpecHashAnnotation,
  defaultFieldManager,
  hasReason,
  type KubeObject,
  type OwnerReference,
  type ServerSideApplyConfig,
} from '@flotilla/api';
import type { Target } from '../planning/plan-manifests.js';
import { sortKeys } from '../sort-keys.js';
import { adoptFields } from './adopt-fields.js';
import { conflictingFields, withoutFields } from './conflict-free.js';
import { planPatch } from './desired-state.js';
import { IgnoreFieldError, keepLiveFields, removeIgnoredFields } from './ignore-fields.js';
import { refuseTooSoon } from './limit-corrections.js';
import { readLive, toFailure } from './object-access.js';
import type { ApplyContext, Outcome } from './outcome.js';
import { isInventoryReference } from './owner-references.js';
import { settleOwners } from './strategy-update.js';

/** As often as the other strategies try before they back off. */
const maxAttempts = 4;

export async function applyServerSide(
  target: Target,
  manifest: KubeObject,
  context: ApplyContext,
): Promise<Outcome> {
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const again = attempt === 1 ? context : { ...context, correctionDelayMs: () => 0 }; // it counts as one
    const outcome = await applyOnce(target, manifest, again);
    if (outcome !== 'changed meanwhile') return outcome;
  }
  const message = 'the object is changed by somebody else all the time';
  return { ok: false, reason: 'AppliedManifestFailed', message, live: undefined, retry: 'backoff' };
}

async function applyOnce(
  target: Target,
  manifest: KubeObject,
  context: ApplyContext,
): Promise<Outcome | 'changed meanwhile'> {
  const config = target.settings.strategy.serverSideApply ?? {};
  const { ownerReferences: _, ...metadata } = manifest.metadata;
  const body: KubeObject = { ...manifest, metadata };
  let live: KubeObject | undefined;
  try {
    live = context.expectAbsent ? undefined : await readLive(target, context);
    const planned = planApply(live, { body, config, context });
    const refusal = planned && refuseTooSoon(live ?? 'absent', context);
    if (refusal !== undefined) return refusal;
    if (live !== undefined && planned !== undefined) {
      live = await adopt(target, { live, body: planned, config }, context);
    }
    const wanted = planned && withOwners(planned, live, { owner: context.owner, owned: target.owned });
    if (live === undefined) await context.claim(undefined);
    let applied: KubeObject | undefined;
    try {
      applied = wanted && (await send(target, { body: wanted, config }, context));
    } catch (error) {
      const rest =
        live && wanted && isOurs(live, { target, owner: context.owner, config })
          ? restOf(wanted, { error, live, config })
          : undefined;
      if (rest !== undefined) live = await send(target, { body: rest, config }, context);
      throw error;
    }
    const object = applied ?? live;
    if (object === undefined) return { ok: true, live, wrote: false };
    const outcome = await settleOwners(target, object, context);
    if (!outcome.ok) return outcome;
    const settled = textOf(outcome.live === undefined ? {} : planPatch(outcome.live, body, { previous: [] }));
    return {
      ...outcome,
      wrote: outcome.wrote || applied !== undefined,
      ...(settled !== undefined && { settled }),
    };
  } catch (error) {
    if (hasReason(error, 'Conflict') && conflictingFields(error) === undefined) return 'changed meanwhile';
    return toOutcome(error, live);
  }
}

/**
 * Before the strategy was changed to this one, the fields were written by whole updates. While several works own the
 * object they may be another one's; then they are left.
 */
async function adopt(
  target: Target,
  { live, body, config }: { live: KubeObject; body: KubeObject; config: ServerSideApplyConfig },
  { client, signal, owner, previous }: ApplyContext,
): Promise<KubeObject> {
  const { uid, resourceVersion, ownerReferences = [] } = live.metadata;
  if (ownerReferences.some((each) => isInventoryReference(each) && each.uid !== owner.uid)) return live;
  const manager = config.fieldManager ?? defaultFieldManager;
  const managedFields = adoptFields(live, { manager, manifests: [body, ...previous] });
  if (managedFields === undefined) return live;
  return client.patch<KubeObject>(target.ref, target.key, {
    type: 'merge',
    body: { metadata: { uid, resourceVersion, managedFields } },
    fieldManager: defaultFieldManager,
    signal,
  });
}

/**
 * What can be corrected in spite of a conflict; undefined when nothing of it would change. Not with ignored fields: the
 * hash on the object would have to say that it has the manifest, or all would be written again and again.
 */
function restOf(
  wanted: KubeObject,
  { error, live, config }: { error: unknown; live: KubeObject; config: ServerSideApplyConfig },
): KubeObject | undefined {
  const fields = conflictingFields(error);
  if (fields === undefined || (config.ignoreFields ?? []).length > 0) return undefined;
  const rest = withoutFields(wanted, fields);
  if (rest === undefined || textOf(planPatch(live, rest, { previous: [] })) === undefined) return undefined;
  return rest;
}

/**
 * The object must not be there for a moment without its owner, or nobody would take it away if we stopped then. All
 * works apply as one manager, which would drop what it leaves out: so the references of other works go along, and then
 * the request holds for what was read only.
 */
function withOwners(
  body: KubeObject,
  live: KubeObject | undefined,
  { owner, owned }: { readonly owner: OwnerReference; readonly owned: boolean },
): KubeObject {
  const others = (live?.metadata.ownerReferences ?? []).filter(
    (reference) => isInventoryReference(reference) && reference.uid !== owner.uid,
  );
  const ownerReferences = owned ? [...others, owner] : others;
  if (ownerReferences.length === 0) return body;
  const resourceVersion = others.length > 0 ? live?.metadata.resourceVersion : undefined;
  const bound = resourceVersion !== undefined && { resourceVersion };
  return { ...body, metadata: { ...body.metadata, ...bound, ownerReferences } };
}

function toOutcome(error: unknown, live: KubeObject | undefined): Outcome {
  if (error instanceof IgnoreFieldError) {
    const reason = 'AppliedManifestSSAIgnoreFieldError';
    return { ok: false, reason, message: error.message, live, retry: 'backoff' };
  }
  const failure = toFailure(error, live);
  return hasReason(error, 'Conflict') ? { ...failure, retry: 'later' } : failure;
}

interface ApplyInput {
  readonly body: KubeObject;
  readonly config: ServerSideApplyConfig;
  readonly context: ApplyContext;
}

/** What to send, or undefined when the object is as it should be. */
function planApply(
  live: KubeObject | undefined,
  { body, config, context }: ApplyInput,
): KubeObject | undefined {
  const ignored = config.ignoreFields ?? [];
  if (ignored.length > 0) return planApplyWithIgnoredFields(live, { body, config, context });
  if (live === undefined || context.remembered === undefined || !hasApplied(live, config)) return body;
  const text = textOf(planPatch(live, body, { previous: [] }));
  return text === context.remembered.settled ? undefined : body;
}

function planApplyWithIgnoredFields(
  live: KubeObject | undefined,
  { body, config }: ApplyInput,
): KubeObject | undefined {
  const ignored = config.ignoreFields ?? [];
  const ifPresent = ignored.filter(({ condition }) => condition === 'OnSpokePresent');
  const ifChanged = ignored.filter(({ condition }) => condition === 'OnSpokeChange');
  removeIgnoredFields(body, ifChanged); // a mistake in them is told even while they are not used
  const hashed = removeIgnoredFields(body, ifPresent);
  const hash = createHash('md5')
    .update(JSON.stringify(sortKeys(hashed)))
    .digest('hex');
  if (live === undefined) return annotate(body, hash);
  if (live.metadata.annotations?.[configSpecHashAnnotation] === hash) return undefined;
  return annotate(keepLiveFields(body, live, ifPresent), hash);
}

function annotate(body: KubeObject, hash: string): KubeObject {
  const annotations = { ...body.metadata.annotations, [configSpecHashAnnotation]: hash };
  return { ...body, metadata: { ...body.metadata, annotations } };
}

/** True for an object that an earlier pass has applied: one that is only named alike is left as it is. */
function isOurs(
  live: KubeObject,
  { target, owner, config }: { target: Target; owner: OwnerReference; config: ServerSideApplyConfig },
): boolean {
  const owners = live.metadata.ownerReferences ?? [];
  return hasApplied(live, config) && (!target.owned || owners.some(({ uid }) => uid === owner.uid));
}

function hasApplied(live: KubeObject, config: ServerSideApplyConfig): boolean {
  const manager = config.fieldManager ?? defaultFieldManager;
  const entries = live.metadata.managedFields ?? [];
  return entries.some((entry) => entry.manager === manager && entry.operation === 'Apply');
}

function send(
  target: Target,
  { body, config }: Omit<ApplyInput, 'context'>,
  { client, signal }: ApplyContext,
): Promise<KubeObject> {
  return client.patch<KubeObject>(target.ref, target.key, {
    type: 'apply',
    body,
    fieldManager: config.fieldManager ?? defaultFieldManager,
    force: config.force ?? false,
    signal,
  });
}

function textOf(patch: object): string | undefined {
  return Object.keys(patch).length === 0 ? undefined : JSON.stringify(patch);
}
