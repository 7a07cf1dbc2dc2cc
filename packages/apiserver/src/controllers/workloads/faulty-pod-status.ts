/** The status of a pod that asks for faults, or whose commands may end, from the lives of its containers. Pure. */
import { formatTime, isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import { at, numberAt, objectAt, objectsAt, textAt } from '../../builtin/access.js';
import type { CommandState } from './command-runs.js';
import { type ContainerFacts, type LifeEvent, nextLife } from './container-life.js';
import type { PodFaults } from './pod-faults.js';
import { containerStatus, gatesMet, initStatuses, podConditions, type RunningFacts } from './pod-status.js';

export interface FaultyPod {
  readonly status: JsonObject;
  readonly events: readonly LifeEvent[];
  readonly nextMs?: number;
}

export const noFaults: PodFaults = {
  startDelayMs: 0,
  imagePullFailures: 0,
  readyDelayMs: 0,
  neverReady: false,
};

export interface FaultyPodFacts extends RunningFacts {
  readonly faults: PodFaults;
  /** Containers of the pod that end in no other way end well after so long, as those of Jobs do. */
  readonly completesAfterMs: number | undefined;
  /** Of a container's own command, in the run that the status speaks of. */
  readonly commandOf: (container: JsonObject) => CommandState;
}

export function faultyPodStatus(pod: KubeObject, facts: FaultyPodFacts): FaultyPod {
  const { nowMs, podIp, hostIp, faults } = facts;
  const startTime = textAt(pod, 'status', 'startTime') || formatTime(nowMs);
  const { namespace, name, uid } = pod.metadata;
  const lives = objectsAt(pod, 'spec', 'containers').map((container) => {
    const known = objectsAt(pod, 'status', 'containerStatuses').find(
      (one) => one['name'] === container['name'],
    );
    const base = containerStatus(pod, container);
    const command = facts.commandOf(container);
    const isOther = known !== undefined && known['image'] !== container['image'];
    const isMeant = faults.container === undefined || faults.container === container['name'];
    const life: ContainerFacts = {
      status: isOther ? restarted(known, nowMs) : known,
      name: textAt(container, 'name'),
      image: textAt(container, 'image'),
      podStartedMs: Date.parse(startTime),
      podId: `${name}_${namespace}(${uid})`,
      restartPolicy: textAt(pod, 'spec', 'restartPolicy') || 'Always',
      ...decidedBy(isMeant ? faults : noFaults, {
        command: isOther && command !== undefined ? 'running' : command,
        completesAfterMs: facts.completesAfterMs,
      }),
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
      ...initStatuses(pod, formatTime(nowMs)),
      containerStatuses: statuses,
    },
    events: lives.flatMap(({ events }) => events),
    ...(next.length > 0 && !isOver && { nextMs: Math.min(...next) }),
  };
}

/** What a pod is told by its annotations wins over what its commands do. */
function decidedBy(
  faults: PodFaults,
  { command, completesAfterMs }: { command: CommandState; completesAfterMs: number | undefined },
): Pick<ContainerFacts, 'faults' | 'command'> {
  const isTold = faults.exit !== undefined || faults.neverReady;
  const completes = !faults.neverReady && completesAfterMs !== undefined;
  return {
    faults: completes ? { ...faults, completesAfterMs } : faults,
    command: isTold ? undefined : command,
  };
}

/** Its image was replaced in place. */
function restarted(known: JsonObject, nowMs: number): JsonObject {
  if (!isObject(at(known, 'state', 'running'))) return known;
  const state = { running: { startedAt: formatTime(nowMs) } };
  return { ...known, restartCount: numberAt(known, 'restartCount') + 1, state };
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
