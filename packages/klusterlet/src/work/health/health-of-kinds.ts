/**
 * What health means for the core kinds, as kstatus has it; for load balancers, API services and autoscalers as their
 * users have it. Undefined: nothing is known of the kind. Pure. Called by `healthOf`.
 */
import { isObject, type JsonObject } from '@flotilla/api';
import { current, failed, type Health, inProgress, type Subject, sentence, textOf } from './health-state.js';

type Rule = (subject: Subject) => Health;

const rules: Readonly<Record<string, Rule>> = {
  'apps/Deployment': deployment,
  'apps/ReplicaSet': replicaSet,
  'apps/StatefulSet': statefulSet,
  'apps/DaemonSet': daemonSet,
  'batch/Job': job,
  'batch/CronJob': () => current('The cron job is scheduled'),
  '/Pod': pod,
  '/PersistentVolumeClaim': claim,
  '/Service': service,
  '/Namespace': ({ status }) =>
    status['phase'] === 'Terminating'
      ? inProgress('The namespace is terminating')
      : current('The namespace exists'),
  'apiextensions.k8s.io/CustomResourceDefinition': definition,
  'apiregistration.k8s.io/APIService': apiService,
  'autoscaling/HorizontalPodAutoscaler': autoscaler,
};

export function healthOfKind(group: string, kind: string, subject: Subject): Health | undefined {
  return rules[`${group}/${kind}`]?.(subject);
}

function count(object: JsonObject, field: string, otherwise = 0): number {
  const value = object[field];
  return typeof value === 'number' ? value : otherwise;
}

function deployment({ spec, status, condition }: Subject): Health {
  const progressing = condition('Progressing');
  if (progressing?.reason === 'ProgressDeadlineExceeded') {
    return failed(sentence(progressing, 'It made no progress within its deadline'));
  }
  const wanted = count(spec, 'replicas', 1);
  const existing = count(status, 'replicas');
  const updated = count(status, 'updatedReplicas');
  const available = count(status, 'availableReplicas');
  if (updated < wanted) return inProgress(`${updated} of ${wanted} replicas are updated`);
  if (existing > updated) return inProgress(`${existing - updated} old replicas are still there`);
  if (existing > wanted) return inProgress(`${existing - wanted} replicas too many are still there`);
  if (available < updated) return inProgress(`${available} of ${wanted} replicas are available`);
  if (count(status, 'readyReplicas') < wanted) {
    return inProgress(`${count(status, 'readyReplicas')} of ${wanted} replicas are ready`);
  }
  const isRolledOut = progressing === undefined || progressing.reason === 'NewReplicaSetAvailable';
  if (!isRolledOut && spec['paused'] !== true) return inProgress('The new replica set is not available');
  const isAvailable = condition('Available');
  if (isAvailable !== undefined && isAvailable.status !== 'True') {
    return inProgress(sentence(isAvailable, 'The deployment is not available'));
  }
  return current(`The deployment is available, replicas: ${existing}`);
}

function replicaSet({ spec, status, condition }: Subject): Health {
  const failure = condition('ReplicaFailure');
  if (failure?.status === 'True') return inProgress(sentence(failure, 'Replicas cannot be made'));
  const wanted = count(spec, 'replicas', 1);
  const existing = count(status, 'replicas');
  if (count(status, 'fullyLabeledReplicas') < wanted) {
    return inProgress(`${count(status, 'fullyLabeledReplicas')} of ${wanted} replicas are labeled`);
  }
  const ready = Math.min(count(status, 'availableReplicas'), count(status, 'readyReplicas'));
  if (ready < wanted) return inProgress(`${ready} of ${wanted} replicas are available`);
  if (existing > wanted) return inProgress(`${existing - wanted} replicas too many are still there`);
  return current(`The replica set is available, replicas: ${existing}`);
}

function statefulSet({ spec, status }: Subject): Health {
  const strategy = isObject(spec['updateStrategy']) ? spec['updateStrategy'] : {};
  if (strategy['type'] === 'OnDelete') return current('It is updated when its pods are deleted');
  const wanted = count(spec, 'replicas', 1);
  const existing = count(status, 'replicas');
  const ready = count(status, 'readyReplicas');
  if (existing < wanted) return inProgress(`${existing} of ${wanted} replicas exist`);
  if (ready < wanted) return inProgress(`${ready} of ${wanted} replicas are ready`);
  if (existing > wanted) return inProgress(`${existing - wanted} replicas too many are still there`);
  const rolling = isObject(strategy['rollingUpdate']) ? strategy['rollingUpdate'] : {};
  const partition = count(rolling, 'partition');
  const updated = count(status, 'updatedReplicas');
  if (partition > 0) {
    if (updated < wanted - partition) {
      return inProgress(`${updated} of ${wanted - partition} replicas of the partition are updated`);
    }
    return current(`The partition is rolled out, replicas updated: ${updated}`);
  }
  if (count(status, 'currentReplicas') < wanted) {
    return inProgress(`${count(status, 'currentReplicas')} of ${wanted} replicas are current`);
  }
  if (status['currentRevision'] !== status['updateRevision']) {
    return inProgress(`${updated} of ${wanted} replicas are updated`);
  }
  return current(`All replicas are ready and current: ${existing}`);
}

function daemonSet({ status }: Subject): Health {
  if (status['observedGeneration'] === undefined) return inProgress('Its controller has not seen it yet');
  const wanted = count(status, 'desiredNumberScheduled');
  const steps = [
    ['currentNumberScheduled', 'scheduled'],
    ['updatedNumberScheduled', 'updated'],
    ['numberAvailable', 'available'],
    ['numberReady', 'ready'],
  ] as const;
  for (const [field, what] of steps) {
    if (count(status, field) < wanted)
      return inProgress(`${count(status, field)} of ${wanted} pods are ${what}`);
  }
  return current(`All pods are scheduled and ready: ${wanted}`);
}

/** A job that has begun is as it should be, as kstatus has it; to wait for its end takes the rule `Complete`. */
function job({ status, condition }: Subject): Health {
  const numbers = `succeeded: ${count(status, 'succeeded')}, active: ${count(status, 'active')}, failed: ${count(status, 'failed')}`;
  const failure = condition('Failed');
  if (failure?.status === 'True')
    return failed(`The job failed (${numbers}): ${sentence(failure, 'no reason')}`);
  if (condition('Complete')?.status === 'True') return current(`The job is complete, ${numbers}`);
  if (condition('Suspended')?.status === 'True') return current('The job is suspended');
  if (status['startTime'] === undefined) return inProgress('The job has not started');
  return current(`The job is running, ${numbers}`);
}

function pod({ status, condition }: Subject): Health {
  const ready = condition('Ready');
  switch (status['phase']) {
    case 'Succeeded':
      return current('The pod has succeeded');
    case 'Failed':
      return failed(`The pod has failed${status['reason'] ? `: ${textOf(status['reason'])}` : ''}`);
    case 'Running': {
      if (ready?.status === 'True') return current('The pod is ready');
      const crashing = containers(status).find(({ waiting }) => waiting?.['reason'] === 'CrashLoopBackOff');
      if (crashing) return failed(`The container ${crashing.name} crashes again and again`);
      return inProgress(ready ? sentence(ready, 'The pod is not ready') : 'The pod is not ready');
    }
    default: {
      const waiting = containers(status).find((each) => each.waiting?.['reason'] !== undefined);
      const scheduled = condition('PodScheduled');
      if (scheduled?.status === 'False') return inProgress(sentence(scheduled, 'The pod is not scheduled'));
      if (waiting) {
        return inProgress(`The container ${waiting.name} waits: ${textOf(waiting.waiting?.['reason'])}`);
      }
      return inProgress('The pod has not started');
    }
  }
}

function containers(
  status: JsonObject,
): { readonly name: string; readonly waiting: JsonObject | undefined }[] {
  const lists = [status['initContainerStatuses'], status['containerStatuses']];
  return lists.flatMap((list) =>
    (Array.isArray(list) ? list.filter(isObject) : []).map((each) => {
      const state = isObject(each['state']) ? each['state'] : {};
      return {
        name: textOf(each['name']),
        waiting: isObject(state['waiting']) ? state['waiting'] : undefined,
      };
    }),
  );
}

function claim({ status }: Subject): Health {
  const phase = typeof status['phase'] === 'string' ? status['phase'] : 'Pending';
  if (phase === 'Bound') return current('The claim is bound');
  return phase === 'Lost'
    ? failed('The claim has lost its volume')
    : inProgress(`The claim is not bound: ${phase}`);
}

function service({ spec, status }: Subject): Health {
  if (spec['type'] !== 'LoadBalancer') return current('The service exists');
  const balancer = isObject(status['loadBalancer']) ? status['loadBalancer'] : {};
  const ingress = Array.isArray(balancer['ingress']) ? balancer['ingress'] : [];
  return ingress.length > 0
    ? current('The load balancer has an address')
    : inProgress('The load balancer has no address yet');
}

function definition({ condition }: Subject): Health {
  const names = condition('NamesAccepted');
  if (names?.status === 'False') return failed(sentence(names, 'Its names are taken'));
  const established = condition('Established');
  if (established?.status === 'True') return current('The definition is established');
  const isInstalling = established === undefined || established.reason === 'Installing';
  if (isInstalling) return inProgress('The definition is not established yet');
  return failed(sentence(established, 'The definition is not established'));
}

function apiService({ condition }: Subject): Health {
  const available = condition('Available');
  if (available?.status === 'True') return current('The API service is available');
  return inProgress(available ? sentence(available, 'It is not available') : 'It is not available yet');
}

function autoscaler({ condition }: Subject): Health {
  for (const type of ['AbleToScale', 'ScalingActive']) {
    const found = condition(type);
    // A target that is scaled to nothing is meant so.
    if (found?.status !== 'False' || found.reason === 'ScalingDisabled') continue;
    return inProgress(sentence(found, `It is not ${type}`));
  }
  return current('The autoscaler works');
}
