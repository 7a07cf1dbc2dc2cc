/**
 * Applies one target by its strategy. Whatever the managed cluster answers becomes an outcome of this target, so that
 * one bad manifest harms no other. Called by the reconciler.
 */
import { hasReason, type KubeObject, type ManifestWorkExecutor, StatusError } from '@flotilla/api';
import { type KubeClient, TransportError } from '@flotilla/kube';
import type { Target } from '../planning/plan-manifests.js';
import { accountOf, actingAs, refuseForExecutor } from './executor.js';
import { normalizeManifest } from './normalize.js';
import { readLive, toFailure } from './object-access.js';
import type { ApplyContext, NotApplied, Outcome } from './outcome.js';
import { applyServerSide } from './strategy-server-side-apply.js';
import { applyCreateOnly, applyReadOnly, applyUpdate } from './strategy-update.js';

export interface ApplyRequest extends Omit<ApplyContext, 'previous'> {
  /** Of the agent itself; it looks, and acts where there is no executor. */
  readonly client: KubeClient;
  /** Earlier manifests as they were in the spec. */
  readonly previous: readonly KubeObject[];
  readonly executor: ManifestWorkExecutor | undefined;
  readonly executorRetryMs: number;
}

export async function applyTarget(target: Target, request: ApplyRequest): Promise<Outcome> {
  const namespace = target.key.namespace ?? '';
  const manifest = normalizeManifest(target.manifest, namespace);
  const context: ApplyContext = {
    ...request,
    previous: request.previous.map((each) => normalizeManifest(each, namespace)),
  };
  try {
    const refused = await refuseForExecutor(target, request.executor, {
      client: request.client,
      signal: request.signal,
      retryAfterMs: request.executorRetryMs,
    });
    const outcome =
      refused ??
      (await applyBy(target, manifest, {
        ...context,
        client: actingAs(request.client, accountOf(request.executor)),
      }));
    return outcome.ok || outcome.live !== undefined ? outcome : await lookFor(target, outcome, context);
  } catch (error) {
    request.signal.throwIfAborted();
    return lookFor(target, asFailure(error), context);
  }
}

function applyBy(target: Target, manifest: KubeObject, context: ApplyContext): Promise<Outcome> {
  switch (target.settings.strategy.type) {
    case 'ServerSideApply':
      return applyServerSide(target, manifest, context);
    case 'CreateOnly':
      return applyCreateOnly(target, manifest, context);
    case 'ReadOnly':
      return applyReadOnly(target, context);
    default:
      return applyUpdate(target, manifest, context);
  }
}

/** A manifest that our own code stumbles over is told like any other; it must not take the work along. */
function asFailure(error: unknown): NotApplied {
  if (error instanceof StatusError || error instanceof TransportError) return toFailure(error, undefined);
  const message = `unexpected error: ${error instanceof Error ? error.message : String(error)}`;
  return { ok: false, reason: 'AppliedManifestFailed', message, live: undefined, retry: 'later' };
}

/** A manifest may fail while its object is there and available all the same. */
async function lookFor(target: Target, failure: NotApplied, context: ApplyContext): Promise<NotApplied> {
  try {
    return { ...failure, live: (await readLive(target, context)) ?? 'absent' };
  } catch (error) {
    context.signal.throwIfAborted();
    return hasReason(error, 'Forbidden') ? failure : { ...failure, retry: 'backoff' };
  }
}
