/** Deletes plans of works that nobody took away: an answer is about a cluster as it was then. */
import { hasReason, manifestWorkPlanKind, parseTime, resourceOf } from '@flotilla/api';
import { type Controller, createController, keyOf } from '@flotilla/kube';
import type { HubContext } from './context.js';

/** Long enough to read an answer, and for a cluster that is away for a while to give it. */
export const planLifetimeMs = 3_600_000;

const ref = resourceOf(manifestWorkPlanKind);

export function createOldPlansController({ client, env, plans }: HubContext): Controller {
  const controller = createController({
    name: 'old-plans',
    env,
    reconcile: async (key, { signal }) => {
      const plan = plans.cache.get(key);
      if (plan === undefined) return undefined;
      const { namespace = '', name = '', uid, creationTimestamp } = plan.metadata;
      const bornAtMs = creationTimestamp ? parseTime(creationTimestamp) : env.clock.now();
      const waitMs = bornAtMs + planLifetimeMs - env.clock.now();
      if (waitMs > 0) return { requeueAfterMs: waitMs };
      const preconditions = { ...(uid !== undefined && { uid }) };
      try {
        await client.delete(ref, { namespace, name }, { preconditions, signal });
      } catch (error) {
        if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
      }
      return undefined;
    },
  });
  plans.onChange(({ type, object }) => {
    if (type === 'added') controller.enqueue(keyOf(object));
  });
  return controller;
}
