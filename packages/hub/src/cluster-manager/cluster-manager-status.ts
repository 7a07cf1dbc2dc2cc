/** Tells in the status of the ClusterManager object what became of it, with OCM's conditions and reasons. */
import {
  type ClusterManager,
  type ClusterManagerStatus,
  type Condition,
  clusterManagerKind,
  equal,
  fieldsCondition,
  gatesCondition,
  hasReason,
  hubFieldManager,
  resourceOf,
  setCondition,
} from '@flotilla/api';
import {
  type Controller,
  createController,
  createInformer,
  type Env,
  type Informer,
  type KubeClient,
  patchStatus,
} from '@flotilla/kube';
import { clusterManagerName, readClusterManager } from './read-cluster-manager.js';

const ref = resourceOf(clusterManagerKind);

/** The informer belongs to the caller, who starts and closes both. */
export function createClusterManagerStatus(
  client: KubeClient,
  env: Env,
): { controller: Controller; informer: Informer<ClusterManager> } {
  const informer = createInformer<ClusterManager>(client, ref, { env });
  const controller = createController({
    name: 'cluster-manager-status',
    env,
    reconcile: async (name) => {
      const object = informer.cache.get(name);
      if (object === undefined) return undefined;
      const status = planClusterManagerStatus(object, env.clock.now());
      if (equal(status, object.status ?? {})) return undefined;
      try {
        await patchStatus(client, { resource: ref, object, status, fieldManager: hubFieldManager });
      } catch (error) {
        if (!hasReason(error, 'Conflict', 'NotFound')) throw error; // its event brings it back here
      }
      return undefined;
    },
  });
  informer.onChange(({ type, object }) => {
    if (type !== 'deleted') controller.enqueue(object.metadata.name ?? '');
  });
  return { controller, informer };
}

export function planClusterManagerStatus(object: ClusterManager, nowMs: number): ClusterManagerStatus {
  const { name, generation = 0 } = object.metadata;
  const updates = name === clusterManagerName ? honouredConditions(object) : [ignored];
  let conditions = object.status?.conditions ?? [];
  for (const update of updates)
    conditions = setCondition(conditions, { ...update, observedGeneration: generation }, nowMs);
  return { ...object.status, observedGeneration: generation, conditions: [...conditions] };
}

type Update = Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>;

const ignored: Update = {
  type: 'Applied',
  status: 'False',
  reason: 'ClusterManagerIgnored',
  message: `A hub reads one ClusterManager only, the one named ${clusterManagerName}`,
};

function honouredConditions(object: ClusterManager): Update[] {
  const { unsupported, unknownGates } = readClusterManager(object);
  return [
    {
      type: 'Applied',
      status: 'True',
      reason: 'ClusterManagerApplied',
      message: 'The hub runs by this object',
    },
    {
      type: 'HubRegistrationDegraded',
      status: 'False',
      reason: 'RegistrationFunctional',
      message: 'Registration is managing credentials',
    },
    {
      type: 'Progressing',
      status: 'False',
      reason: 'ClusterManagerUpToDate',
      message: 'The hub is up to date',
    },
    gatesCondition(unknownGates),
    fieldsCondition(unsupported, 'hub'),
  ];
}
