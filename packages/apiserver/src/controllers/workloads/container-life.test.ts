import { formatTime, type JsonObject } from '@flotilla/api';
import { expect } from 'chai';
import { numberAt, textAt } from '../../builtin/access.js';
import type { CommandState } from './command-runs.js';
import { type LifeEvent, nextLife } from './container-life.js';
import type { PodFaults } from './pod-faults.js';

const startMs = Date.parse('2026-01-01T00:00:00Z');
const none: PodFaults = { startDelayMs: 0, imagePullFailures: 0, readyDelayMs: 0, neverReady: false };

/** Lives until the time is over: `seconds: state` at each change. */
function live(
  faults: Partial<PodFaults>,
  { seconds = 120, restartPolicy = 'Always', command = undefined as CommandState } = {},
) {
  const seen: string[] = [];
  const events: LifeEvent[] = [];
  let status: JsonObject | undefined;
  for (let nowMs: number | undefined = startMs; nowMs !== undefined && nowMs <= startMs + seconds * 1000; ) {
    const next = nextLife({
      status,
      name: 'c',
      image: 'web:1',
      podStartedMs: startMs,
      podId: 'web_default(uid)',
      restartPolicy,
      faults: { ...none, ...faults },
      command,
      nowMs,
      containerId: 'id',
    });
    status = next.status;
    events.push(...next.events);
    seen.push(`${(nowMs - startMs) / 1000}: ${stateOf(status)}`);
    nowMs = next.nextMs;
  }
  return { seen, reasons: [...new Set(events.map(({ type, reason }) => `${type} ${reason}`))], status };
}

function stateOf(status: JsonObject): string {
  const waiting = textAt(status, 'state', 'waiting', 'reason');
  const ended = textAt(status, 'state', 'terminated', 'reason');
  const running = status['ready'] === true ? 'ready' : 'running';
  const count = numberAt(status, 'restartCount');
  return `${waiting || ended || running}${count > 0 ? ` (${count})` : ''}`;
}

describe('life of a container with faults', () => {
  it('starts late', () => {
    expect(live({ startDelayMs: 5000 }).seen).to.deep.equal(['0: ContainerCreating', '5: ready']);
  });

  it('becomes ready late, or never, with the event of a failing probe', () => {
    expect(live({ readyDelayMs: 7000 }).seen).to.deep.equal(['0: running', '7: ready']);
    const never = live({ neverReady: true });
    expect(never.seen).to.deep.equal(['0: running']);
    expect(never.reasons).to.deep.equal(['Warning Unhealthy']);
  });

  it('is never made when its mount fails', () => {
    const stuck = live({ stuckCreating: 'MountVolume.SetUp failed' });
    expect(stuck.seen).to.deep.equal(['0: ContainerCreating']);
    expect(stuck.reasons).to.deep.equal(['Warning FailedMount']);
  });

  it('pulls its image again after twice the time, until it comes', () => {
    const slow = live({ imagePullFailures: 2 });
    expect(slow.seen).to.deep.equal([
      '0: ErrImagePull',
      '1: ImagePullBackOff',
      '10: ErrImagePull',
      '11: ImagePullBackOff',
      '30: ready',
    ]);
    expect(slow.reasons).to.deep.equal(['Warning Failed', 'Normal BackOff']);
    expect(live({ imagePullFailures: Number.POSITIVE_INFINITY }, { seconds: 1000 }).seen.at(-1)).to.match(
      /ImagePullBackOff|ErrImagePull/,
    );
  });

  const crash = {
    code: 3,
    reason: 'Error' as const,
    message: 'boom',
    afterMs: 1000,
    times: Number.POSITIVE_INFINITY,
  };

  it('crashes and is started again, at once first, then later and later', () => {
    const looping = live({ exit: crash });
    expect(looping.seen).to.deep.equal([
      '0: ready',
      '1: ready (1)',
      '2: CrashLoopBackOff (1)',
      '12: ready (2)',
      '13: CrashLoopBackOff (2)',
      '33: ready (3)',
      '34: CrashLoopBackOff (3)',
      '74: ready (4)',
      '75: CrashLoopBackOff (4)',
    ]);
    expect(looping.reasons).to.deep.equal(['Warning BackOff']);
    expect(textAt(looping.status, 'state', 'waiting', 'message')).to.equal(
      'back-off 1m20s restarting failed container=c pod=web_default(uid)',
    );
    expect(looping.status?.['lastState']).to.deep.equal({
      terminated: {
        exitCode: 3,
        reason: 'Error',
        message: 'boom',
        startedAt: formatTime(startMs + 74_000),
        finishedAt: formatTime(startMs + 75_000),
        containerID: 'id',
      },
    });
  });

  it('recovers after as many crashes as were asked for', () => {
    expect(live({ exit: { ...crash, times: 2 } }).seen.at(-1)).to.equal('12: ready (2)');
  });

  it('is killed for want of memory', () => {
    const oom = live({ exit: { ...crash, code: 137, reason: 'OOMKilled' } });
    expect(textAt(oom.status, 'lastState', 'terminated', 'reason')).to.equal('OOMKilled');
  });

  it('stays ended when its pod does not restart it', () => {
    expect(live({ exit: crash }, { restartPolicy: 'Never' }).seen).to.deep.equal(['0: ready', '1: Error']);
    const done = { ...crash, code: 0, reason: 'Completed' as const };
    expect(live({ exit: done }, { restartPolicy: 'OnFailure' }).seen).to.deep.equal([
      '0: ready',
      '1: Completed',
    ]);
  });

  it('ends well when the run of a Job has nothing more to fail', () => {
    const faults = { exit: { ...crash, times: 1 }, completesAfterMs: 500 };
    expect(live(faults, { restartPolicy: 'OnFailure' }).seen).to.deep.equal([
      '0: ready',
      '1: ready (1)',
      '1.5: Completed (1)',
    ]);
  });
});
