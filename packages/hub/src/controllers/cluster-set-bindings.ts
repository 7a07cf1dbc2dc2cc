/** Tells each ManagedClusterSetBinding whether the set that it binds exists (registration.md 4.2). */
import {
  type ConditionUpdate,
  clusterSetCondition,
  clusterSetReason,
  hubFieldManager,
  setCondition,
} from '@flotilla/api';
import { type Controller, createController, patchStatus } from '@flotilla/kube';
import { yieldingToOthers } from './cluster-write.js';
import { clusterSetBindingsRef, type HubContext } from './context.js';

export function createClusterSetBindingController(context: HubContext): Controller {
  const { clusterSets, clusterSetBindings } = context;
  const bySet = clusterSetBindings.cache.addIndex(({ spec }) => (spec?.clusterSet ? [spec.clusterSet] : []));
  const controller = createController({
    name: 'cluster-set-bindings',
    env: context.env,
    reconcile: yieldingToOthers((key) => reconcile(context, key)),
  });
  const enqueue = ({ namespace, name }: { namespace?: string; name?: string }): void =>
    controller.enqueue(`${namespace}/${name}`);
  clusterSetBindings.onChange(({ type, object }) => {
    if (type !== 'deleted') enqueue(object.metadata);
  });
  clusterSets.onChange(({ type, object }) => {
    if (type === 'updated') return;
    for (const { metadata } of bySet(object.metadata.name ?? '')) enqueue(metadata);
  });
  return controller;
}

async function reconcile(
  { client, env, clusterSets, clusterSetBindings }: HubContext,
  key: string,
): Promise<undefined> {
  const binding = clusterSetBindings.cache.get(key);
  if (binding === undefined || binding.metadata.deletionTimestamp !== undefined) return;
  const before = binding.status?.conditions ?? [];
  const isThere = clusterSets.cache.get(binding.spec?.clusterSet ?? '') !== undefined;
  const conditions = setCondition(before, planBoundCondition(isThere), env.clock.now());
  if (conditions === before) return;
  await patchStatus(client, {
    resource: clusterSetBindingsRef,
    object: binding,
    status: { conditions },
    fieldManager: hubFieldManager,
  });
}

export function planBoundCondition(setExists: boolean): ConditionUpdate {
  return {
    type: clusterSetCondition.bound,
    status: setExists ? 'True' : 'False',
    reason: setExists ? clusterSetReason.bound : clusterSetReason.notFound,
    message: '',
  };
}
