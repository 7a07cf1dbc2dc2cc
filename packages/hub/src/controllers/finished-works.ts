/**
 * Deletes works that are complete and have said how long they are to be kept (`ttlSecondsAfterFinished`), as OCM's
 * hub does with its gate CleanUpCompletedManifestWork. Works of a ManifestWorkReplicaSet are that set's to delete.
 */
import {
  findCondition,
  hasReason,
  type ManifestWork,
  parseTime,
  replicaSetLabel,
  workCondition,
} from '@flotilla/api';
import { type Controller, createController, keyOf, wellKnown } from '@flotilla/kube';
import type { HubContext } from './context.js';

export function createFinishedWorksController(context: HubContext): Controller {
  const { client, env, works } = context;
  const controller = createController({
    name: 'finished-works',
    env,
    concurrency: 4,
    reconcile: async (key, { signal }) => {
      const work = works.cache.get(key);
      const endsAtMs = work && timeOfDeletion(work);
      if (work === undefined || endsAtMs === undefined) return undefined;
      const waitMs = endsAtMs - env.clock.now();
      if (waitMs > 0) return { requeueAfterMs: Math.min(waitMs, maxTimerMs) };
      const { namespace = '', name = '', uid, resourceVersion } = work.metadata;
      try {
        // Bound to the state that was judged: a work that was changed meanwhile is not finished.
        const preconditions = {
          ...(uid !== undefined && { uid }),
          ...(resourceVersion !== undefined && { resourceVersion }),
        };
        await client.delete(wellKnown.manifestWorks, { namespace, name }, { preconditions, signal });
      } catch (error) {
        if (!hasReason(error, 'NotFound', 'Conflict')) throw error; // its event brings it back here
      }
      return undefined;
    },
  });
  works.onChange(({ type, object }) => {
    if (type !== 'deleted' && timeOfDeletion(object) !== undefined) controller.enqueue(keyOf(object));
  });
  return controller;
}

/** Timers of Node end at 24.8 days. */
const maxTimerMs = 24 * 24 * 3_600_000;

/** Undefined for a work that stays. */
export function timeOfDeletion({ metadata, spec, status }: ManifestWork): number | undefined {
  const ttlSeconds = spec?.deleteOption?.ttlSecondsAfterFinished;
  if (ttlSeconds === undefined || metadata.deletionTimestamp !== undefined) return undefined;
  if (metadata.labels?.[replicaSetLabel] !== undefined) return undefined;
  const complete = findCondition(status?.conditions, workCondition.complete);
  if (complete?.status !== 'True') return undefined;
  return parseTime(complete.lastTransitionTime) + Math.max(0, Number(ttlSeconds)) * 1000;
}
