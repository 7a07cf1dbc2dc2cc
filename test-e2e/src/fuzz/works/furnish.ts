/**
 * The cluster of fuzzed works before there is any: with its own controllers, objects of others that have the names that
 * works like to use, and a work of another hub's agent. Called once for each world.
 */
import type { KubeObject } from '@flotilla/api';
import { type ControlPlane, startControlPlane } from '@flotilla/apiserver';
import { wellKnown } from '@flotilla/kube';
import { strangeAuthority } from '../../support/credentials.js';
import { widgetCrd } from '../../support/objects.js';
import { configMap, createNamespace, type World } from '../../work-agent/world.js';
import { bindingTo } from './other-people.js';
import { foreignNamespace } from './random-manifests.js';

/** Resolves when all is there and the work agent runs; what it answers ends with the signal, and is to be closed. */
export async function furnish(world: World, signal: AbortSignal): Promise<ControlPlane> {
  const { managed, env, managedStore } = world;
  // Owned objects, namespaces and workloads have their lives, as in any cluster.
  const plane = await startControlPlane(world.managedServerObject, {
    env,
    profile: 'cluster',
    store: managedStore,
    ca: strangeAuthority(),
    signal,
  });
  for (const name of ['team', foreignNamespace]) await createNamespace(managed, name);
  await managed.create(wellKnown.customResourceDefinitions, widgetCrd('widgets') as never); // a KubeObject
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'mighty', namespace: 'default' },
  };
  await managed.create(wellKnown.serviceAccounts, account);
  const subject = { kind: 'ServiceAccount', name: 'mighty', namespace: 'default' };
  await managed.create(wellKnown.clusterRoleBindings, bindingTo('mighty', [subject]));
  const foreign = await managed.create<KubeObject>(
    wellKnown.configMaps,
    configMap('foreign-a', { a: 'b' }, foreignNamespace),
  );
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'foreign-a', uid: foreign.metadata.uid ?? '' };
  await managed.create(wellKnown.configMaps, {
    ...configMap('foreign-owned', {}, foreignNamespace),
    metadata: { name: 'foreign-owned', namespace: foreignNamespace, ownerReferences: [owner] },
  });
  for (const namespace of ['default', 'team', foreignNamespace]) {
    await managed.create(wellKnown.configMaps, configMap('foreign-named', { mine: 'yes' }, namespace));
    await managed.create(wellKnown.configMaps, configMap('foreign-other', { mine: 'yes' }, namespace));
  }
  await furnishOtherAgent(world);
  world.startAgent();
  await env.clock.advance(30_000);
  env.log.clear();
  return plane;
}

/** Another hub's agent has a work in this cluster. */
async function furnishOtherAgent({ managed }: World): Promise<void> {
  const name = `${'0'.repeat(64)}-theirs`;
  const inventory = await managed.create<KubeObject>(wellKnown.appliedManifestWorks, {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'AppliedManifestWork',
    metadata: { name },
    spec: { hubHash: '0'.repeat(64), agentID: 'agent-2', manifestWorkName: 'theirs' },
  } as KubeObject);
  const { apiVersion, kind, metadata } = inventory;
  await managed.create(wellKnown.configMaps, {
    ...configMap('theirs', {}, 'team'),
    metadata: {
      name: 'theirs',
      namespace: 'team',
      ownerReferences: [{ apiVersion, kind, name, uid: metadata.uid ?? '' }],
    },
  });
}
