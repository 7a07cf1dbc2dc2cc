/** Statuses of pods as a kubelet would write them, at a given time. Pure. */
import { formatTime, type JsonObject, type KubeObject } from '@flotilla/api';
import { at, numberAt, objectAt, objectsAt, textAt } from '../../builtin/access.js';

export interface RunningFacts {
  readonly podIp: string;
  readonly hostIp: string;
  readonly nowMs: number;
}

/** Running and ready, as far as its readiness gates allow. */
export function runningStatus(pod: KubeObject, { podIp, hostIp, nowMs }: RunningFacts): JsonObject {
  const time = formatTime(nowMs);
  const open = gatesMet(pod);
  return {
    ...objectAt(pod, 'status'),
    phase: 'Running',
    conditions: podConditions(pod, time, {
      PodReadyToStartContainers: true,
      Initialized: true,
      Ready: open || { reason: 'ReadinessGatesNotReady' },
      ContainersReady: true,
      PodScheduled: true,
    }),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    podIP: podIp,
    podIPs: [{ ip: podIp }],
    startTime: textAt(pod, 'status', 'startTime') || time,
    ...initStatuses(pod, time),
    containerStatuses: objectsAt(pod, 'spec', 'containers').map((container) => ({
      ...containerStatus(pod, container),
      ready: true,
      started: true,
      state: { running: { startedAt: runningSince(pod, container) ?? time } },
    })),
  };
}

/** Since when the same image has run. */
function runningSince(pod: KubeObject, container: JsonObject): unknown {
  const old = objectsAt(pod, 'status', 'containerStatuses').find((one) => one['name'] === container['name']);
  return old?.['image'] === container['image'] ? at(old, 'state', 'running', 'startedAt') : undefined;
}

const completed: Unmet = { reason: 'PodCompleted' };

/** All containers ended well. */
export function succeededStatus(pod: KubeObject, nowMs: number): JsonObject {
  const time = formatTime(nowMs);
  return {
    ...objectAt(pod, 'status'),
    phase: 'Succeeded',
    conditions: podConditions(pod, time, {
      PodReadyToStartContainers: completed,
      Initialized: true,
      Ready: completed,
      ContainersReady: completed,
      PodScheduled: true,
    }),
    containerStatuses: objectsAt(pod, 'spec', 'containers').map((container) => ({
      ...containerStatus(pod, container),
      ready: false,
      started: false,
      state: {
        terminated: {
          exitCode: 0,
          reason: 'Completed',
          startedAt: textAt(pod, 'status', 'startTime') || time,
          finishedAt: time,
          containerID: containerId(pod, container),
        },
      },
    })),
  };
}

/** Waiting for a node that takes it. */
export function unscheduledStatus(
  pod: KubeObject,
  why: { readonly reason: string; readonly message: string; readonly nowMs: number },
): JsonObject {
  const { reason, message, nowMs } = why;
  const condition = { type: 'PodScheduled', status: 'False', reason, message };
  const old = objectsAt(pod, 'status', 'conditions').find((one) => one['type'] === 'PodScheduled');
  const isSame = old?.['status'] === 'False' && old['reason'] === reason && old['message'] === message;
  const others = objectsAt(pod, 'status', 'conditions').filter((one) => one['type'] !== 'PodScheduled');
  return {
    ...objectAt(pod, 'status'),
    phase: 'Pending',
    conditions: [
      ...others,
      isSame ? old : { ...condition, lastProbeTime: null, lastTransitionTime: formatTime(nowMs) },
    ],
  };
}

/** Its node does not answer: what runs goes on, and nobody counts on it. */
export function unreadyStatus(pod: KubeObject, nowMs: number): JsonObject {
  const old = objectsAt(pod, 'status', 'conditions');
  const time = formatTime(nowMs);
  const conditions = old.map((one) =>
    one['type'] === 'Ready' && one['status'] === 'True'
      ? { ...one, status: 'False', lastTransitionTime: time }
      : one,
  );
  return { ...objectAt(pod, 'status'), conditions };
}

/** True when its status says all that `runningStatus` would. */
export function isRunningAsSpecified(pod: KubeObject): boolean {
  if (textAt(pod, 'status', 'phase') !== 'Running') return false;
  const ready = objectsAt(pod, 'status', 'conditions').find((one) => one['type'] === 'Ready');
  if ((ready?.['status'] === 'True') !== gatesMet(pod)) return false;
  const statuses = new Map(
    objectsAt(pod, 'status', 'containerStatuses').map((one) => [textAt(one, 'name'), textAt(one, 'image')]),
  );
  return objectsAt(pod, 'spec', 'containers').every(
    (container) => statuses.get(textAt(container, 'name')) === textAt(container, 'image'),
  );
}

/** Its readiness gates are open. */
export function gatesMet(pod: KubeObject): boolean {
  return objectsAt(pod, 'spec', 'readinessGates').every((gate) =>
    objectsAt(pod, 'status', 'conditions').some(
      (one) => one['type'] === gate['conditionType'] && one['status'] === 'True',
    ),
  );
}

/** Why a condition does not hold. */
export interface Unmet {
  readonly reason: string;
  readonly message?: string;
}

/** Kubelet's conditions, after which come those that others wrote. */
export function podConditions(
  pod: KubeObject,
  time: string,
  wanted: Readonly<Record<string, true | Unmet>>,
): JsonObject[] {
  const old = objectsAt(pod, 'status', 'conditions');
  const own = Object.entries(wanted).map(([type, holds]) => {
    const status = holds === true ? 'True' : 'False';
    const before = old.find((one) => one['type'] === type);
    const since = before?.['status'] === status ? textAt(before, 'lastTransitionTime') : time;
    return {
      type,
      status,
      ...(holds !== true && holds),
      lastProbeTime: null,
      lastTransitionTime: since,
    };
  });
  return [...own, ...old.filter((one) => !Object.hasOwn(wanted, String(one['type'])))];
}

/** Initializing is over; sidecars run. What was said before stays. */
export function initStatuses(pod: KubeObject, time: string): JsonObject {
  const containers = objectsAt(pod, 'spec', 'initContainers');
  if (containers.length === 0) return {};
  const statuses = containers.map((container) => {
    const old = objectsAt(pod, 'status', 'initContainerStatuses').find(
      (one) => one['name'] === container['name'] && one['image'] === container['image'],
    );
    if (old !== undefined) return old;
    const isSidecar = textAt(container, 'restartPolicy') === 'Always';
    const terminated = {
      exitCode: 0,
      reason: 'Completed',
      startedAt: time,
      finishedAt: time,
      containerID: containerId(pod, container),
    };
    return {
      ...containerStatus(pod, container),
      ready: true,
      started: isSidecar,
      state: isSidecar ? { running: { startedAt: time } } : { terminated },
    };
  });
  return { initContainerStatuses: statuses };
}

/** What stays the same through a container's life, and its count of restarts. */
export function containerStatus(pod: KubeObject, container: JsonObject): JsonObject {
  const image = textAt(container, 'image');
  const old = objectsAt(pod, 'status', 'containerStatuses').find((one) => one['name'] === container['name']);
  const isRestarted = old !== undefined && old['image'] !== image;
  return {
    name: textAt(container, 'name'),
    image,
    imageID: `stand-in://${image}`,
    containerID: containerId(pod, container),
    restartCount: numberAt(old, 'restartCount') + Number(isRestarted),
    lastState: at(old, 'lastState') ?? {},
  };
}

function containerId({ metadata }: KubeObject, container: JsonObject): string {
  return `stand-in://${metadata.uid}/${textAt(container, 'name')}`;
}
