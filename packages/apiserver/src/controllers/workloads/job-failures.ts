/** When a Job has failed, and when it tries again before that. Pure; the rules of kube-controller-manager. */
import { isObject, type KubeObject } from '@flotilla/api';
import { at, numberAt, objectsAt, textAt } from '../../builtin/access.js';

export interface JobFailure {
  readonly reason: 'BackoffLimitExceeded' | 'DeadlineExceeded';
  readonly message: string;
}

const retryStartMs = 10_000;
const retryMaxMs = 600_000;
const defaultBackoffLimit = 6;

/** Why it has failed for good; undefined while it has not. */
export function jobFailure(
  job: KubeObject,
  { pods, failed, nowMs }: { pods: readonly KubeObject[]; failed: number; nowMs: number },
): JobFailure | undefined {
  if (at(job, 'spec', 'suspend') === true) return undefined;
  const limit = at(job, 'spec', 'backoffLimit');
  const max = typeof limit === 'number' ? limit : defaultBackoffLimit;
  const restarts = pods.flatMap((pod) => objectsAt(pod, 'status', 'containerStatuses'));
  const restartCount = restarts.reduce((sum, status) => sum + numberAt(status, 'restartCount'), 0);
  // Restarts inside a pod count only where the pod's policy makes them failures.
  const isOnFailure = textAt(job, 'spec', 'template', 'spec', 'restartPolicy') === 'OnFailure';
  if (failed > max || (isOnFailure && restartCount > 0 && restartCount >= max))
    return { reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' };
  const deadline = at(job, 'spec', 'activeDeadlineSeconds');
  const started = Date.parse(textAt(job, 'status', 'startTime'));
  if (typeof deadline === 'number' && nowMs >= started + deadline * 1000)
    return { reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' };
  return undefined;
}

/** When the next pod may start after so many failures: 10 s after the last, then twice as long each time. */
export function retryAtMs(failed: readonly KubeObject[]): number {
  if (failed.length === 0) return 0;
  const ends = failed.flatMap((pod) =>
    objectsAt(pod, 'status', 'containerStatuses')
      .map((status) => at(status, 'state', 'terminated'))
      .filter(isObject)
      .map((terminated) => Date.parse(textAt(terminated, 'finishedAt'))),
  );
  const delayMs = Math.min(retryStartMs * 2 ** Math.min(failed.length - 1, 10), retryMaxMs);
  return Math.max(0, ...ends) + delayMs;
}
