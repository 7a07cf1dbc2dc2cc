/**
 * What other people do in the cluster of fuzzed works: they change and delete objects, let go of what they hold, and give
 * rights. Called by the world of those works.
 */
import { type KubeObject, type ManifestWork, StatusError } from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { clusterName, find, type World } from '../../work-agent/world.js';
import { contentOf, objectOf, placeOfKey } from './cluster-content.js';

/** As somebody who finds it gone already, or held: both may be. */
export async function asUser(
  world: World,
  key: string,
  act: (ref: ResourceRef, at: { name: string; namespace?: string }) => Promise<unknown>,
): Promise<void> {
  const { group, resource, namespace, name } = placeOfKey(key);
  const served = world.managedServerObject.registry
    .all()
    .find((each) => each.group === group && each.resource === resource);
  if (served === undefined) return;
  const ref = { group, resource, version: served.version, namespaced: served.namespaced };
  const at = { name, ...(served.namespaced && { namespace }) };
  try {
    if ((await find(world.managed, ref, at)) !== undefined) await act(ref, at);
  } catch (error) {
    if (!(error instanceof StatusError) || (error.status.code ?? 500) >= 500) throw error;
  }
}

/** What could not be deleted as the executor can be now. */
export async function allowAll(world: World): Promise<void> {
  const name = 'everybody-may';
  if ((await find(world.managed, wellKnown.clusterRoleBindings, { name })) !== undefined) return;
  await world.managed.create(
    wellKnown.clusterRoleBindings,
    bindingTo(name, [
      { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'system:serviceaccounts' },
    ]),
  );
}

/** Of the hub's work, once nothing of it is left in the cluster. */
export async function letGo(world: World, { metadata: { name = '' } }: ManifestWork): Promise<void> {
  const { items } = await world.managed.list<KubeObject>(wellKnown.appliedManifestWorks);
  if (items.some(({ metadata }) => metadata.name?.endsWith(`-${name}`))) return;
  const key = { namespace: clusterName, name };
  await world.hub.patch(wellKnown.manifestWorks, key, {
    type: 'merge',
    body: { metadata: { finalizers: null } },
  });
}

/** Whoever put finalizers into manifests now takes them away. */
export async function dropFinalizers(world: World): Promise<void> {
  for (const [key, value] of await contentOf(world.managedStore)) {
    const { metadata, kind } = objectOf(value);
    const users = metadata.finalizers?.some((each) =>
      /^example\.com|^orphan$|^foregroundDeletion$/.test(each),
    );
    if (users !== true || metadata.deletionTimestamp === undefined || kind === 'AppliedManifestWork')
      continue;
    const body = { metadata: { finalizers: null } };
    await asUser(world, key, (ref, at) => world.managed.patch(ref, at, { type: 'merge', body }));
  }
}

/** Makes them masters of the cluster. */
export function bindingTo(name: string, subjects: readonly object[]): KubeObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects,
  };
}
