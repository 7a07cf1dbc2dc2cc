/** What somebody else does to an object in a managed cluster, behind the system's back. Called for each drift. */
import type { JsonObject, KubeObject } from '@flotilla/api';
import type { ResourceRef } from '@flotilla/kube';
import type { FleetCluster } from './fleet-cluster.js';
import { addForeign, spoil } from './foreign-fields.js';
import { tokenKey } from './items.js';
import type { Drift } from './scenario.js';
import type { World } from './world.js';

export interface Disturbance {
  readonly key: string;
  /** As it is. */
  readonly object: KubeObject;
  readonly drift: Drift;
  /** Of all drifts. */
  readonly number: number;
}

/** @throws StatusError, TransportError when the cluster does not do it, or nobody knows. */
export async function disturb(
  world: World,
  { name: cluster, foreigner }: FleetCluster,
  { key, object, drift, number }: Disturbance,
): Promise<void> {
  const { ref, at } = placeOf(key, object);
  const patch = (body: JsonObject): Promise<unknown> =>
    foreigner.patch(ref, at, { type: 'merge', body, fieldManager: 'foreigner' });
  switch (drift) {
    case 'edit':
      await patch({ metadata: { annotations: { [tokenKey]: `drift.${number}` } } });
      return;
    case 'change field':
    case 'drop field':
      await patch(spoil(object, drift, number));
      return;
    case 'add field':
      await patch(addForeign(object, number));
      return;
    case 'disown':
      await patch({ metadata: { ownerReferences: [] } });
      return;
    case 'count':
      await patch({ metadata: { labels: { count: String(number) } } });
      return;
    case 'delete':
      await foreigner.delete(ref, at);
      return;
    case 'replace': {
      await foreigner.delete(ref, at);
      const { metadata: _, status: __, ...rest } = object;
      const data = object.kind === 'ConfigMap' && { data: { value: 'somebody else' } };
      const made = await foreigner.create<KubeObject>(ref, {
        ...rest,
        ...data,
        kind: object.kind,
        apiVersion: object.apiVersion,
        metadata: at,
      });
      const { uid = '' } = made.metadata;
      // Until a work has taken it over, it is nobody else's to delete.
      world.observer.cluster(cluster).foreign.set(uid, { key, mayChange: true });
      world.model.cluster(cluster).replaced(key, uid);
      return;
    }
  }
}

/** The object's address; a stored version is served in all minors that the scenarios use, but for old cron jobs. */
function placeOf(key: string, { apiVersion }: KubeObject) {
  const [, , , resource = '', namespace = '', name = ''] = key.split('/');
  const slash = apiVersion.indexOf('/');
  const ref: ResourceRef = {
    group: slash < 0 ? '' : apiVersion.slice(0, slash),
    version: apiVersion.slice(slash + 1),
    resource,
    namespaced: true,
  };
  return { ref, at: { namespace, name } };
}
