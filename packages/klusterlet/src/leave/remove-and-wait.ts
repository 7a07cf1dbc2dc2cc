/** Deletes one object of the managed cluster and waits until it is gone. Called by the steps of leaving. */
import { hasReason } from '@flotilla/api';
import { type ResourceRef, sleep } from '@flotilla/kube';
import type { LeaveOptions } from './leave-options.js';

const pollMs = 200;

/** @throws Error when it is still there after the time. */
export async function removeAndWait(options: LeaveOptions, ref: ResourceRef, name: string): Promise<void> {
  const { managed, env, waitMs, signal } = options;
  const deadlineMs = env.clock.monotonicMs() + waitMs;
  for (;;) {
    try {
      await managed.delete(ref, { name });
      await managed.get(ref, { name });
    } catch (error) {
      if (hasReason(error, 'NotFound')) return;
      // A namespace that is being emptied refuses to be deleted again.
      if (!hasReason(error, 'Conflict')) throw error;
    }
    if (env.clock.monotonicMs() > deadlineMs)
      throw new Error(`${ref.resource} ${name} is not gone yet; run "klusterlet leave" again`);
    await sleep(env.clock, pollMs, signal);
  }
}
