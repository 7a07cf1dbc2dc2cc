/**
 * What the hub's rules read of other objects while a request waits for them: straight from the cache of the server that
 * they are part of. The request itself has waited until that cache was as new as it must be, so asking the server again
 * would cost much and tell no more. What is read is shared and must not be changed. Called by the rules and the read
 * guard, whose clients are made here; everything but single objects goes the usual way.
 */
import { formatApiVersion, type KubeObject, newNotFound } from '@flotilla/api';
import type { KubeClient, ObjectKey, ResourceRef } from '@flotilla/kube';

/** The server's cache, as far as a rule may look into it. */
export interface OwnObjects {
  get(
    resource: { readonly group: string; readonly resource: string },
    key: { readonly namespace?: string; readonly name: string },
  ): KubeObject | undefined;
}

/** The client, but for GETs of objects that are kept in the version asked for. */
export function readingFrom(client: KubeClient, own: OwnObjects): KubeClient {
  return {
    ...client,
    get: async <T>(ref: ResourceRef, key: ObjectKey, options?: Parameters<KubeClient['get']>[2]) => {
      if (options?.subresource !== undefined) return client.get<T>(ref, key, options);
      const found = own.get(ref, key);
      if (found === undefined) throw newNotFound({ ...ref, name: key.name });
      if (found.apiVersion !== formatApiVersion(ref)) return client.get<T>(ref, key, options);
      return found as T; // the caller names the kind, as with any GET
    },
  };
}
