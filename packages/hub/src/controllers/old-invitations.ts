/** Deletes invitations an hour after their time: until then whoever shows one is told what became of it. */
import { hasReason, type KubeObject } from '@flotilla/api';
import {
  type Controller,
  createController,
  createInformer,
  type Informer,
  keyOf,
  wellKnown,
} from '@flotilla/kube';
import { invitationNamespace, invitationType, readInvitation } from '../invitations/invitation.js';
import type { HubContext } from './context.js';

const keepExpiredMs = 3_600_000;
/** No timer is longer: a clock may be set meanwhile. */
const longestWaitMs = 3_600_000;

export interface OldInvitations {
  readonly informer: Informer<KubeObject>;
  readonly controller: Controller;
}

export function createOldInvitations({ client, env }: Pick<HubContext, 'client' | 'env'>): OldInvitations {
  const informer = createInformer<KubeObject>(client, wellKnown.secrets, {
    env,
    namespace: invitationNamespace,
    fieldSelector: `type=${invitationType}`,
  });
  const controller = createController({
    name: 'old-invitations',
    env,
    reconcile: async (key, { signal }) => {
      const secret = informer.cache.get(key);
      if (secret === undefined) return undefined;
      const waitMs = expiryMs(secret) + keepExpiredMs - env.clock.now();
      if (waitMs > 0) return { requeueAfterMs: Math.min(waitMs, longestWaitMs) };
      const { namespace = '', name = '', uid } = secret.metadata;
      const preconditions = { ...(uid !== undefined && { uid }) };
      try {
        await client.delete(wellKnown.secrets, { namespace, name }, { preconditions, signal });
      } catch (error) {
        if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
      }
      return undefined;
    },
  });
  informer.onChange(({ type, object }) => {
    if (type !== 'deleted') controller.enqueue(keyOf(object));
  });
  return { informer, controller };
}

/** One that cannot be read opens nothing, and goes. */
function expiryMs(secret: KubeObject): number {
  try {
    return readInvitation(secret).expiresAtMs;
  } catch (error) {
    if (error instanceof Error) return 0;
    throw error;
  }
}
