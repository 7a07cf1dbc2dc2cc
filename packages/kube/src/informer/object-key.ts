/** `namespace/name` keys, as work queues and caches use them. Pure. Called by informers and controllers. */
import type { KubeObject } from '@flotilla/api';
import type { ObjectKey } from '../client/client.js';

/** `namespace/name`, or `name` for cluster-scoped objects. */
export function formatKey({ namespace, name }: ObjectKey): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** The inverse of formatKey. */
export function parseKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** The key of an object that has a name. */
export function keyOf({ metadata }: Pick<KubeObject, 'metadata'>): string {
  const { namespace, name = '' } = metadata;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}
