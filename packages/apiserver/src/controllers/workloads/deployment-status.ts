/** The status of a Deployment, from its ReplicaSets. Pure. */
import type { JsonObject, KubeObject } from '@flotilla/api';
import { at, numberAt, objectsAt, textAt } from '../../builtin/access.js';
import { workloadCondition } from './replica-sets.js';
import { available, rolloutLimits, sum } from './rollout-plan.js';
import { nonZero } from './simulated-cluster.js';

export interface Rollout {
  readonly newSet: KubeObject | undefined;
  readonly sets: readonly KubeObject[];
  readonly nowMs: number;
}

export function deploymentStatus(deployment: KubeObject, rollout: Rollout): JsonObject {
  const { newSet, sets } = rollout;
  const replicas = sum(sets, (set) => numberAt(set, 'status', 'replicas'));
  const availableReplicas = sum(sets, available);
  const desired = numberAt(deployment, 'spec', 'replicas');
  const counts = {
    replicas,
    updatedReplicas: numberAt(newSet, 'status', 'replicas'),
    readyReplicas: sum(sets, (set) => numberAt(set, 'status', 'readyReplicas')),
    availableReplicas,
    unavailableReplicas: Math.max(Math.max(desired, replicas) - availableReplicas, 0),
  };
  return {
    ...nonZero({ observedGeneration: deployment.metadata.generation ?? 0, ...counts }),
    conditions: [
      availableCondition(deployment, { availableReplicas, nowMs: rollout.nowMs }),
      progressCondition(deployment, counts, rollout),
      ...failureCondition(deployment, rollout),
    ],
  };
}

/** What keeps the ReplicaSets from making pods, as they say it; the new one's word comes first. */
function failureCondition(deployment: KubeObject, { newSet, sets, nowMs }: Rollout): JsonObject[] {
  const failures = [...(newSet === undefined ? [] : [newSet]), ...sets].flatMap((set) =>
    objectsAt(set, 'status', 'conditions').filter((one) => one['type'] === 'ReplicaFailure'),
  );
  const [failure] = failures;
  if (failure === undefined) return [];
  const condition = {
    type: 'ReplicaFailure',
    status: 'True',
    reason: textAt(failure, 'reason'),
    message: textAt(failure, 'message'),
  };
  return [workloadCondition(deployment, condition, { nowMs })];
}

/** How long until a rollout that stands still must be called failed. */
export function progressDeadlineMs(deployment: KubeObject, nowMs: number): number | undefined {
  const condition = progressing(deployment);
  if (condition === undefined || settled.has(textAt(condition, 'reason'))) return undefined;
  return Math.max(deadlineOf(deployment, condition) - nowMs, 0) + 1000;
}

/** Nothing more is to come. */
const settled = new Set(['NewReplicaSetAvailable', 'ProgressDeadlineExceeded', 'DeploymentPaused']);

function progressing(deployment: KubeObject): JsonObject | undefined {
  return objectsAt(deployment, 'status', 'conditions').find((one) => one['type'] === 'Progressing');
}

function deadlineOf(deployment: KubeObject, condition: JsonObject): number {
  const seconds = numberAt(deployment, 'spec', 'progressDeadlineSeconds') || 600;
  return Date.parse(textAt(condition, 'lastUpdateTime')) + seconds * 1000;
}

function availableCondition(
  deployment: KubeObject,
  { availableReplicas, nowMs }: { availableReplicas: number; nowMs: number },
): JsonObject {
  const minAvailable = numberAt(deployment, 'spec', 'replicas') - rolloutLimits(deployment).maxUnavailable;
  const isAvailable = availableReplicas >= minAvailable;
  return workloadCondition(
    deployment,
    {
      type: 'Available',
      status: isAvailable ? 'True' : 'False',
      reason: isAvailable ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: `Deployment ${isAvailable ? 'has' : 'does not have'} minimum availability.`,
    },
    { nowMs },
  );
}

type Counts = Readonly<
  Record<
    'replicas' | 'updatedReplicas' | 'availableReplicas' | 'readyReplicas' | 'unavailableReplicas',
    number
  >
>;

function progressCondition(deployment: KubeObject, counts: Counts, { newSet, nowMs }: Rollout): JsonObject {
  const type = 'Progressing';
  const name = newSet?.metadata.name ?? '';
  if (at(deployment, 'spec', 'paused') === true) {
    const message = 'Deployment is paused';
    return workloadCondition(
      deployment,
      { type, status: 'Unknown', reason: 'DeploymentPaused', message },
      { nowMs },
    );
  }
  const desired = numberAt(deployment, 'spec', 'replicas');
  const isComplete =
    newSet !== undefined &&
    counts.updatedReplicas === desired &&
    counts.replicas === desired &&
    counts.availableReplicas === desired;
  const old = progressing(deployment);
  if (isComplete) {
    const message = `ReplicaSet "${name}" has successfully progressed.`;
    const condition = { type, status: 'True', reason: 'NewReplicaSetAvailable', message };
    return workloadCondition(deployment, condition, { nowMs, isUpdated: old?.['message'] !== message });
  }
  const isUpdated = hasProgressed(deployment, counts);
  if (!isUpdated && old !== undefined && !isFresh(deployment, old) && isTimedOut(deployment, old, nowMs)) {
    const message = `ReplicaSet "${name}" has timed out progressing.`;
    return workloadCondition(
      deployment,
      { type, status: 'False', reason: 'ProgressDeadlineExceeded', message },
      { nowMs },
    );
  }
  const message = `ReplicaSet "${name}" is progressing.`;
  const condition = { type, status: 'True', reason: 'ReplicaSetUpdated', message };
  return workloadCondition(deployment, condition, { nowMs, isUpdated });
}

/** The last word is about another generation. */
function isFresh(deployment: KubeObject, condition: JsonObject): boolean {
  const isOlder =
    numberAt(deployment, 'status', 'observedGeneration') < (deployment.metadata.generation ?? 0);
  return (
    isOlder || condition['reason'] === 'NewReplicaSetAvailable' || condition['reason'] === 'DeploymentPaused'
  );
}

/** Once said, it holds until there is progress. */
function isTimedOut(deployment: KubeObject, condition: JsonObject, nowMs: number): boolean {
  return condition['reason'] === 'ProgressDeadlineExceeded' || deadlineOf(deployment, condition) <= nowMs;
}

function hasProgressed(deployment: KubeObject, counts: Counts): boolean {
  return (
    counts.updatedReplicas > numberAt(deployment, 'status', 'updatedReplicas') ||
    counts.readyReplicas > numberAt(deployment, 'status', 'readyReplicas') ||
    counts.availableReplicas > numberAt(deployment, 'status', 'availableReplicas')
  );
}
