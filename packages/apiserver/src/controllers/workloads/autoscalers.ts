/** HorizontalPodAutoscalers: they show their target's size and say that nothing is measured; nothing is ever scaled. */
import type { JsonObject, KubeObject } from '@flotilla/api';
import { type Controller, createController, keyOf } from '@flotilla/kube';
import { numberAt, objectAt, textAt } from '../../builtin/access.js';
import { workloadCondition } from './replica-sets.js';
import { enqueueChanged, type SimulatedCluster } from './simulated-cluster.js';

const targets = new Map([
  ['Deployment', 'deployments'],
  ['ReplicaSet', 'replicasets'],
  ['StatefulSet', 'statefulsets'],
]);

export function createAutoscalerLoop(cluster: SimulatedCluster): Controller {
  const scalers = cluster.informer('autoscaling', 'horizontalpodautoscalers');
  const byTarget = scalers.cache.addIndex((scaler) => [targetText(scaler)]);
  const controller = createController({
    name: 'stand-in-autoscalers',
    env: cluster.env,
    maxDelayMs: 10_000,
    reconcile: async (key) => {
      const scaler = scalers.cache.get(key);
      if (scaler === undefined) return;
      const resource = targets.get(textAt(scaler, 'spec', 'scaleTargetRef', 'kind'));
      const name = textAt(scaler, 'spec', 'scaleTargetRef', 'name');
      const { namespace = '' } = scaler.metadata;
      const target = resource && cluster.informer('apps', resource).cache.get({ namespace, name });
      await cluster.writeStatus(scalers.ref, scaler, statusOf(scaler, target || undefined, cluster.nowMs));
    },
  });
  enqueueChanged(scalers, controller);
  for (const [kind, resource] of targets) {
    cluster.informer('apps', resource).onChange(({ object }) => {
      const { namespace, name } = object.metadata;
      for (const scaler of byTarget(`${kind} ${namespace}/${name}`)) controller.enqueue(keyOf(scaler));
    });
  }
  return controller;
}

function targetText(scaler: KubeObject): string {
  const { kind, name } = objectAt(scaler, 'spec', 'scaleTargetRef');
  return `${kind} ${scaler.metadata.namespace}/${name}`;
}

function statusOf(scaler: KubeObject, target: KubeObject | undefined, nowMs: number): JsonObject {
  const desiredReplicas = numberAt(target, 'spec', 'replicas');
  const counts = { currentReplicas: numberAt(target, 'status', 'replicas'), desiredReplicas };
  // autoscaling/v1 has no conditions.
  if (scaler.apiVersion === 'autoscaling/v1') return { ...objectAt(scaler, 'status'), ...counts };
  const found = target !== undefined;
  const conditions = [
    {
      type: 'AbleToScale',
      status: found ? 'True' : 'False',
      reason: found ? 'SucceededGetScale' : 'FailedGetScale',
      message: found
        ? "the HPA controller was able to get the target's current scale"
        : 'the target does not exist',
    },
    {
      type: 'ScalingActive',
      status: 'False',
      ...(found && desiredReplicas === 0
        ? {
            reason: 'ScalingDisabled',
            message: 'scaling is disabled since the replica count of the target is zero',
          }
        : {
            reason: 'FailedGetResourceMetric',
            message: 'the stand-in cluster measures nothing and scales nothing',
          }),
    },
  ].map((one) => {
    const { lastUpdateTime: _, ...condition } = workloadCondition(scaler, one, { nowMs });
    return condition;
  });
  return { ...objectAt(scaler, 'status'), ...counts, conditions };
}
