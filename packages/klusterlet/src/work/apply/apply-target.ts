/**
 * Applies one target by its strategy. Whatever the managed cluster answers becomes an outcome of this target, so that
 * one bad manifest harms no other. Called by the reconciler.
 */
import type { KubeObject } from '@flotilla/api';
import type { Target } from '../planning/plan-manifests.js';
import { normalizeManifest } from './normalize.js';
import { toFailure } from './object-access.js';
import type { ApplyContext, Outcome } from './outcome.js';
import { applyServerSide } from './strategy-server-side-apply.js';
import { applyCreateOnly, applyReadOnly, applyUpdate } from './strategy-update.js';

export interface ApplyRequest extends Omit<ApplyContext, 'previous'> {
  /** Earlier manifests as they were in the spec. */
  readonly previous: readonly KubeObject[];
}

export async function applyTarget(target: Target, request: ApplyRequest): Promise<Outcome> {
  const namespace = target.key.namespace ?? '';
  const manifest = normalizeManifest(target.manifest, namespace);
  const context: ApplyContext = {
    ...request,
    previous: request.previous.map((each) => normalizeManifest(each, namespace)),
  };
  try {
    switch (target.settings.strategy.type) {
      case 'ServerSideApply':
        return await applyServerSide(target, manifest, context);
      case 'CreateOnly':
        return await applyCreateOnly(target, manifest, context);
      case 'ReadOnly':
        return await applyReadOnly(target, context);
      default:
        return await applyUpdate(target, manifest, context);
    }
  } catch (error) {
    return toFailure(error, undefined);
  }
}
