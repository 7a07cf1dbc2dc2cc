/** One object that may be gone: for who goes on without it. Called by controllers, rules and commands. */
import { hasReason, type KubeObject } from '@flotilla/api';
import type { KubeClient, ObjectKey, ResourceRef } from './client.js';

/** Undefined when it is not there. @throws StatusError */
export async function getIfThere<T = KubeObject>(
  client: Pick<KubeClient, 'get'>,
  ref: ResourceRef,
  key: ObjectKey,
  options?: Parameters<KubeClient['get']>[2],
): Promise<T | undefined> {
  try {
    return await client.get<T>(ref, key, options);
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
