/**
 * The life of a container with faults: from what its status says and what time it is, what its status is to say next
 * and when to look again. All that must be remembered stands in the status, so that a restart changes nothing. Pure.
 */
import { formatTime, isObject, type JsonObject } from '@flotilla/api';
import { at, numberAt, objectAt, textAt } from '../../builtin/access.js';
import type { CommandState } from './command-runs.js';
import type { ExitFault, PodFaults } from './pod-faults.js';

export interface ContainerFacts {
  /** Its status so far; absent before the first. */
  readonly status: JsonObject | undefined;
  readonly name: string;
  readonly image: string;
  /** When the pod came to its node. */
  readonly podStartedMs: number;
  /** `web_default(uid)`. */
  readonly podId: string;
  readonly restartPolicy: string;
  readonly faults: PodFaults;
  /** Of its own command, in the run that the status speaks of; undefined when it decides nothing. */
  readonly command: CommandState;
  readonly nowMs: number;
  readonly containerId: string;
}

export interface LifeEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface NextLife {
  /** state, lastState, restartCount, ready, started. */
  readonly status: JsonObject;
  readonly events: readonly LifeEvent[];
  /** When it changes next by itself. */
  readonly nextMs?: number;
}

/** How long ErrImagePull is shown until the kubelet speaks of its back-off. */
const pullErrorShownMs = 1000;
const backOffStartMs = 10_000;
const backOffMaxMs = 300_000;
const backOffForgottenMs = 2 * backOffMaxMs;

export function nextLife(facts: ContainerFacts): NextLife {
  const { status, faults, nowMs, podStartedMs } = facts;
  const running = at(status, 'state', 'running');
  const terminated = at(status, 'state', 'terminated');
  if (isObject(running)) return lifeOfRunning(facts, Date.parse(textAt(running, 'startedAt')));
  if (isObject(terminated)) return lifeAfterEnd(facts, terminated);
  const last = at(status, 'lastState', 'terminated');
  if (isObject(last)) return lifeInBackOff(facts, last);

  const creating = waiting(facts, 'ContainerCreating', '');
  if (faults.stuckCreating !== undefined) {
    return {
      ...creating,
      events: [{ type: 'Warning', reason: 'FailedMount', message: faults.stuckCreating }],
    };
  }
  const pullMs = podStartedMs + faults.startDelayMs;
  if (nowMs < pullMs) return { ...creating, nextMs: pullMs };
  return lifeOfPull(facts, pullMs) ?? started(facts, 0);
}

/** Undefined once the image is there. */
function lifeOfPull(facts: ContainerFacts, firstMs: number): NextLife | undefined {
  const { faults, nowMs, image } = facts;
  let tryMs = firstMs;
  for (let count = 0; count < faults.imagePullFailures; count++) {
    const delayMs = backOffMs(count);
    const nextTryMs = tryMs + delayMs;
    if (nowMs < nextTryMs) {
      const text = `rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`;
      if (nowMs < tryMs + pullErrorShownMs) {
        return {
          ...waiting(facts, 'ErrImagePull', text),
          nextMs: tryMs + pullErrorShownMs,
          events: [
            { type: 'Warning', reason: 'Failed', message: `Failed to pull image "${image}": ${text}` },
            { type: 'Warning', reason: 'Failed', message: 'Error: ErrImagePull' },
          ],
        };
      }
      return {
        ...waiting(facts, 'ImagePullBackOff', `Back-off pulling image "${image}": ErrImagePull: ${text}`),
        nextMs: nextTryMs,
        events: [
          { type: 'Normal', reason: 'BackOff', message: `Back-off pulling image "${image}"` },
          { type: 'Warning', reason: 'Failed', message: 'Error: ImagePullBackOff' },
        ],
      };
    }
    tryMs = nextTryMs;
  }
  return undefined;
}

function lifeOfRunning(facts: ContainerFacts, startedMs: number): NextLife {
  const { status, faults, nowMs } = facts;
  const restartCount = numberAt(status, 'restartCount');
  const { command } = facts;
  const exit = command === undefined ? exitOf(faults, restartCount) : undefined;
  if (exit !== undefined && nowMs >= startedMs + exit.afterMs) {
    return lifeAfterEnd(facts, terminated(facts, { ...exit, startedMs, atMs: nowMs }));
  }
  if (typeof command === 'object') {
    const reason = command.code === 0 ? 'Completed' : 'Error';
    return lifeAfterEnd(facts, terminated(facts, { ...command, reason, message: '', startedMs }));
  }
  const readyMs = startedMs + faults.readyDelayMs;
  const isReady = !faults.neverReady && nowMs >= readyMs;
  const times = [
    ...(exit === undefined ? [] : [startedMs + exit.afterMs]),
    ...(!isReady && !faults.neverReady ? [readyMs] : []),
  ];
  const probe = 'Readiness probe failed: simulated by an annotation of the pod';
  return {
    status: {
      state: { running: { startedAt: formatTime(startedMs) } },
      lastState: objectAt(status, 'lastState'),
      restartCount,
      ready: isReady,
      started: true,
    },
    events: isReady ? [] : [{ type: 'Warning', reason: 'Unhealthy', message: probe }],
    ...(times.length > 0 && { nextMs: Math.min(...times) }),
  };
}

function terminated(
  { containerId }: ContainerFacts,
  end: Pick<ExitFault, 'code' | 'reason' | 'message'> & { startedMs: number; atMs: number },
): JsonObject {
  return {
    exitCode: end.code,
    reason: end.reason,
    ...(end.message !== '' && { message: end.message }),
    startedAt: formatTime(end.startedMs),
    finishedAt: formatTime(Math.max(end.atMs, end.startedMs)),
    containerID: containerId,
  };
}

/** How this run ends; undefined when it stays. */
function exitOf({ exit, completesAfterMs }: PodFaults, restartCount: number): ExitFault | undefined {
  if (exit !== undefined && restartCount < exit.times) return exit;
  if (completesAfterMs === undefined) return undefined;
  return { code: 0, reason: 'Completed', message: '', afterMs: completesAfterMs, times: 1 };
}

/** It has just ended: for good, to be started again at once, or to wait. */
function lifeAfterEnd(facts: ContainerFacts, terminated: JsonObject): NextLife {
  const { restartPolicy, status } = facts;
  const isFailure = numberAt(terminated, 'exitCode') !== 0;
  const restarts = restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && isFailure);
  const restartCount = numberAt(status, 'restartCount');
  if (!restarts) {
    return {
      status: {
        state: { terminated },
        lastState: objectAt(status, 'lastState'),
        restartCount,
        ready: false,
        started: false,
      },
      events: [],
    };
  }
  return lifeInBackOff(
    { ...facts, status: { ...status, restartCount, lastState: { terminated } } },
    terminated,
  );
}

/** The first restart comes at once, each further one after twice the time; a run that lasted long is forgiven. */
function lifeInBackOff(facts: ContainerFacts, last: JsonObject): NextLife {
  const { status, nowMs, name, podId } = facts;
  const restartCount = numberAt(status, 'restartCount');
  const finishedMs = Date.parse(textAt(last, 'finishedAt'));
  const hasLasted = finishedMs - Date.parse(textAt(last, 'startedAt')) >= backOffForgottenMs;
  const delayMs = restartCount === 0 || hasLasted ? 0 : backOffMs(restartCount - 1);
  const restartMs = finishedMs + delayMs;
  if (nowMs >= restartMs) return started(facts, restartCount + 1, last);
  const seconds = delayMs / 1000;
  const shown = seconds >= 60 ? `${Math.floor(seconds / 60)}m${seconds % 60}s` : `${seconds}s`;
  const message = `back-off ${shown} restarting failed container=${name} pod=${podId}`;
  return {
    status: {
      state: { waiting: { reason: 'CrashLoopBackOff', message } },
      lastState: { terminated: last },
      restartCount,
      ready: false,
      started: false,
    },
    events: [
      {
        type: 'Warning',
        reason: 'BackOff',
        message: `Back-off restarting failed container ${name} in pod ${podId}`,
      },
    ],
    nextMs: restartMs,
  };
}

function started(facts: ContainerFacts, restartCount: number, last?: JsonObject): NextLife {
  const status = {
    restartCount,
    lastState: last === undefined ? {} : { terminated: last },
    state: { running: { startedAt: formatTime(facts.nowMs) } },
  };
  // The state of the command is that of the run before.
  const command = facts.command === undefined ? undefined : 'running';
  return lifeOfRunning({ ...facts, status, command }, Date.parse(formatTime(facts.nowMs)));
}

function waiting({ status }: ContainerFacts, reason: string, message: string): NextLife {
  return {
    status: {
      state: { waiting: { reason, ...(message !== '' && { message }) } },
      lastState: objectAt(status, 'lastState'),
      restartCount: numberAt(status, 'restartCount'),
      ready: false,
      started: false,
    },
    events: [],
  };
}

/** 10 s, 20 s ... 5 min. */
function backOffMs(count: number): number {
  return Math.min(backOffStartMs * 2 ** Math.min(count, 10), backOffMaxMs);
}
