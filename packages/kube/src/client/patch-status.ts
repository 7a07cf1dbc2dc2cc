/** How a controller writes the status that it has planned from an object that it has read. Called by every controller with one. */
import type { KubeObject } from '@flotilla/api';
import type { CallOptions, KubeClient, ResourceRef } from './client.js';

export interface StatusPatch extends CallOptions {
  readonly resource: ResourceRef;
  /** As it was read: the write is bound to this version of it, and to it alone of all that have its name. */
  readonly object: Pick<KubeObject, 'metadata'>;
  /** Merged into what is there: a field that is left out stays. */
  readonly status: object;
  readonly fieldManager?: string;
}

/** @throws StatusError Conflict when the object is no longer that version, or another one of its name; NotFound. */
export async function patchStatus(client: KubeClient, patch: StatusPatch): Promise<void> {
  const { resource, object, status, ...options } = patch;
  const { name = '', namespace, uid, resourceVersion } = object.metadata;
  await client.patch(
    resource,
    { name, ...(resource.namespaced && namespace !== undefined && { namespace }) },
    {
      type: 'merge',
      subresource: 'status',
      body: { metadata: { uid, resourceVersion }, status },
      ...options,
    },
  );
}
