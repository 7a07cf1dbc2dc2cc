/** Counts for PodDisruptionBudgets: how many pods they cover, and how many of these may be evicted now. */
import {
  type JsonObject,
  type KubeObject,
  type LabelSelector,
  labelSelectorFromObject,
  matchesLabels,
} from '@flotilla/api';
import { type Controller, createController, keyOf } from '@flotilla/kube';
import { at, objectsAt, textAt } from '../../builtin/access.js';
import { isActive, isReady, type PodControl } from './pod-control.js';
import { workloadCondition } from './replica-sets.js';
import { resolve } from './rollout-plan.js';
import { enqueueChanged, type SimulatedCluster } from './simulated-cluster.js';

export function createDisruptionBudgetLoop(cluster: SimulatedCluster, pods: PodControl): Controller {
  const budgets = cluster.informer('policy', 'poddisruptionbudgets');
  const controller = createController({
    name: 'stand-in-disruption-budgets',
    env: cluster.env,
    concurrency: 4,
    maxDelayMs: 10_000,
    reconcile: async (key) => {
      const budget = budgets.cache.get(key);
      if (budget === undefined) return;
      const covered = pods.informer.cache
        .list(budget.metadata.namespace)
        .filter((pod) => covers(budget, pod));
      await cluster.writeStatus(
        budgets.ref,
        budget,
        statusOf(budget, covered.filter(isActive), cluster.nowMs),
      );
    },
  });
  enqueueChanged(budgets, controller);
  pods.informer.onChange(({ object }) => {
    for (const budget of budgets.cache.list(object.metadata.namespace)) {
      if (covers(budget, object)) controller.enqueue(keyOf(budget));
    }
  });
  return controller;
}

function covers(budget: KubeObject, pod: KubeObject): boolean {
  const selector = at(budget, 'spec', 'selector') as LabelSelector | undefined; // checked by the schema
  return matchesLabels(labelSelectorFromObject(selector), pod.metadata.labels);
}

function statusOf(budget: KubeObject, pods: readonly KubeObject[], nowMs: number): JsonObject {
  const expectedPods = pods.length;
  const currentHealthy = pods.filter(isReady).length;
  const rounding = { of: expectedPods, round: Math.ceil };
  const maxUnavailable = at(budget, 'spec', 'maxUnavailable');
  const desiredHealthy =
    maxUnavailable === undefined
      ? resolve(at(budget, 'spec', 'minAvailable') ?? 1, rounding)
      : Math.max(expectedPods - resolve(maxUnavailable, rounding), 0);
  const disruptionsAllowed = Math.max(currentHealthy - desiredHealthy, 0);
  const isAllowed = disruptionsAllowed > 0;
  const others = objectsAt(budget, 'status', 'conditions').filter(
    (one) => textAt(one, 'type') !== 'DisruptionAllowed',
  );
  const { lastUpdateTime: _, ...condition } = workloadCondition(
    budget,
    {
      type: 'DisruptionAllowed',
      status: isAllowed ? 'True' : 'False',
      reason: isAllowed ? 'SufficientPods' : 'InsufficientPods',
      message: '',
    },
    { nowMs },
  );
  return {
    observedGeneration: budget.metadata.generation ?? 1,
    expectedPods,
    currentHealthy,
    desiredHealthy,
    disruptionsAllowed,
    conditions: [{ ...condition, observedGeneration: budget.metadata.generation ?? 1 }, ...others],
  };
}
