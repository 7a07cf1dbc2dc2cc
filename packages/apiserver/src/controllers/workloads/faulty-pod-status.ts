/** The status of a pod that asks for faults, from the lives of its containers. Pure. */
import { formatTime, isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import { at, numberAt, objectAt, objectsAt, textAt } from '../../builtin/access.js';
import { type ContainerFacts, type LifeEvent, nextLife } from './container-life.js';
import type { PodFaults } from './pod-faults.js';
import { containerStatus, gatesMet, podConditions, type RunningFacts } from './pod-status.js';

export interface FaultyPod {
  readonly status: JsonObject;
  readonly events: readonly LifeEvent[];
  readonly nextMs?: number;
}

const noFaults: PodFaults = { startDelayMs: 0, imagePullFailures: 0, readyDelayMs: 0, neverReady: false };

/** `node` is absent while the pod's node does not answer: its containers go on, and nobody says that they are ready. */
export function faultyPodStatus(pod: KubeObject, faults: PodFaults, facts: RunningFacts): FaultyPod {
  const { nowMs, podIp, hostIp } = facts;
  const startTime = textAt(pod, 'status', 'startTime') || formatTime(nowMs);
  const { namespace, name, uid } = pod.metadata;
  const lives = objectsAt(pod, 'spec', 'containers').map((container) => {
    const known = objectsAt(pod, 'status', 'containerStatuses').find(
      (one) => one['name'] === container['name'],
    );
    const base = containerStatus(pod, container);
    const isMeant = faults.container === undefined || faults.container === container['name'];
    const life: ContainerFacts = {
      status: known,
      name: textAt(container, 'name'),
      image: textAt(container, 'image'),
      podStartedMs: Date.parse(startTime),
      podId: `${name}_${namespace}(${uid})`,
      restartPolicy: textAt(pod, 'spec', 'restartPolicy') || 'Always',
      faults: isMeant ? faults : noFaults,
      nowMs,
      containerId: textAt(base, 'containerID'),
    };
    const next = nextLife(life);
    const hasStarted =
      !isObject(at(next.status, 'state', 'waiting')) || numberAt(next.status, 'restartCount') > 0;
    const { containerID, imageID, ...rest } = base;
    return {
      ...next,
      status: {
        ...rest,
        ...next.status,
        imageID: hasStarted ? imageID : '',
        ...(hasStarted && { containerID }),
      },
    };
  });
  const statuses = lives.map(({ status }) => status as JsonObject);
  const phase = phaseOf(statuses);
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  const unready = statuses
    .filter((status) => status['ready'] !== true)
    .map((status) => textAt(status, 'name'));
  const why = isOver
    ? { reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const allReady = unready.length === 0 && !isOver;
  const next = lives.flatMap(({ nextMs }) => (nextMs === undefined ? [] : [nextMs]));
  return {
    status: {
      ...objectAt(pod, 'status'),
      phase,
      conditions: podConditions(pod, formatTime(nowMs), {
        PodReadyToStartContainers: isOver ? why : true,
        Initialized: true,
        Ready: allReady ? gatesMet(pod) || { reason: 'ReadinessGatesNotReady' } : why,
        ContainersReady: allReady || why,
        PodScheduled: true,
      }),
      hostIP: hostIp,
      hostIPs: [{ ip: hostIp }],
      podIP: podIp,
      podIPs: [{ ip: podIp }],
      startTime,
      containerStatuses: statuses,
    },
    events: lives.flatMap(({ events }) => events),
    ...(next.length > 0 && !isOver && { nextMs: Math.min(...next) }),
  };
}

function phaseOf(statuses: readonly JsonObject[]): string {
  const ended = statuses.map((status) => at(status, 'state', 'terminated')).filter(isObject);
  if (ended.length === statuses.length && statuses.length > 0) {
    return ended.every((one) => numberAt(one, 'exitCode') === 0) ? 'Succeeded' : 'Failed';
  }
  const isStarting = statuses.some(
    (status) => isObject(at(status, 'state', 'waiting')) && !isObject(at(status, 'lastState', 'terminated')),
  );
  return isStarting ? 'Pending' : 'Running';
}
