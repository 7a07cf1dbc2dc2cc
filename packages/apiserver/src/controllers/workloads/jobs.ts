/**
 * Jobs: as many pods as may run at a time, until enough of them have succeeded or too many have failed, which simulated
 * ones do by their commands or when they are asked to. Suspension, indexes, back-off, deadline and the time to live are honoured. CronJobs are stored and never start anything.
 */
import { formatTime, type JsonObject, type KubeObject, simulationAnnotations } from '@flotilla/api';
import { type Controller, createController } from '@flotilla/kube';
import { at, numberAt, objectAt, objectsAt, textAt } from '../../builtin/access.js';
import { inBatches } from '../in-batches.js';
import { recordEvents } from './event-recorder.js';
import { type JobFailure, jobFailure, retryAtMs } from './job-failures.js';
import { isActive, isReady, type NewPod, type PodControl } from './pod-control.js';
import { enqueueChanged, enqueueOwners, nonZero, type SimulatedCluster } from './simulated-cluster.js';

/** Pods made in one pass, as kube-controller-manager has it; their events bring the next. */
const burst = 500;
const indexAnnotation = 'batch.kubernetes.io/job-completion-index';

export function createJobLoop(cluster: SimulatedCluster, pods: PodControl): Controller {
  const jobs = cluster.informer('batch', 'jobs');
  const loop = new Jobs(cluster, pods);
  const controller = createController({
    name: 'stand-in-jobs',
    env: cluster.env,
    concurrency: 16,
    maxDelayMs: 10_000,
    reconcile: async (key) => {
      const job = jobs.cache.get(key);
      return job === undefined ? undefined : loop.sync(job);
    },
  });
  enqueueChanged(jobs, controller);
  enqueueOwners(pods.informer, 'Job', controller);
  return controller;
}

interface Progress {
  readonly active: readonly KubeObject[];
  readonly succeeded: readonly KubeObject[];
  readonly failed: readonly KubeObject[];
}

class Jobs {
  readonly #cluster: SimulatedCluster;
  readonly #pods: PodControl;

  constructor(cluster: SimulatedCluster, pods: PodControl) {
    this.#cluster = cluster;
    this.#pods = pods;
  }

  async sync(job: KubeObject): Promise<{ requeueAfterMs: number } | undefined> {
    if (job.metadata.deletionTimestamp !== undefined) return undefined;
    if (isDone(job)) return this.#expire(job);
    const claimed = await this.#pods.claim(job);
    const active = claimed.filter(isActive);
    const succeeded = claimed.filter((pod) => textAt(pod, 'status', 'phase') === 'Succeeded');
    const failed = claimed.filter((pod) => textAt(pod, 'status', 'phase') === 'Failed');
    const { nowMs } = this.#cluster;
    const failure = jobFailure(job, { pods: claimed, failed: failed.length, nowMs });
    if (failure !== undefined) return this.#giveUp(job, { active, succeeded, failed }, failure);
    const isSuspended = at(job, 'spec', 'suspend') === true;
    const retryMs = retryAtMs(failed) - nowMs;
    const waits = isSuspended || retryMs > 0;
    const started = waits ? [] : await this.#start(job, { active, succeeded, failed });
    if (isSuspended) await inBatches(active, (pod) => this.#pods.delete(pod));
    const progress = { active: isSuspended ? [] : [...active, ...started], succeeded, failed };
    const status = statusOf(job, progress, nowMs);
    await this.#cluster.writeStatus(this.#ref, job, status);
    const deadlineMs = deadlineOf(job, status) - nowMs;
    const nextMs = Math.min(...[retryMs, deadlineMs].filter((ms) => ms > 0));
    return Number.isFinite(nextMs) ? { requeueAfterMs: nextMs } : undefined;
  }

  /** The job has failed: its pods stop, and it says why. */
  async #giveUp(
    job: KubeObject,
    { active, succeeded, failed }: Progress,
    failure: JobFailure,
  ): Promise<undefined> {
    await inBatches(active, (pod) => this.#pods.delete(pod));
    const { nowMs } = this.#cluster;
    const stamps = { lastProbeTime: formatTime(nowMs), lastTransitionTime: formatTime(nowMs) };
    const status = statusOf(job, { active: [], succeeded, failed: [...failed, ...active] }, nowMs);
    const conditions = [
      ...objectsAt(status, 'conditions'),
      ...['FailureTarget', 'Failed'].map((type) => ({ type, status: 'True', ...stamps, ...failure })),
    ];
    if (await this.#cluster.writeStatus(this.#ref, job, { ...status, conditions })) {
      const events = [{ type: 'Warning' as const, ...failure }];
      await recordEvents(this.#cluster, job, { events, component: 'job-controller' });
    }
    return undefined;
  }

  get #ref() {
    return this.#cluster.ref('batch', 'jobs');
  }

  async #start(job: KubeObject, { active, succeeded, failed }: Progress): Promise<KubeObject[]> {
    const left = completionsOf(job) - succeeded.length;
    // Without a number of completions the first success ends it.
    const isEnding = at(job, 'spec', 'completions') === undefined && succeeded.length > 0;
    const allowed = Math.min(numberAt(job, 'spec', 'parallelism'), left) - active.length;
    const missing = isEnding ? 0 : Math.min(allowed, burst);
    if (missing <= 0) return [];
    const started: KubeObject[] = [];
    const template = objectAt(job, 'spec', 'template');
    const isIndexed = textAt(job, 'spec', 'completionMode') === 'Indexed';
    const taken = new Set([...active, ...succeeded].map(indexOf));
    const indexes: number[] = [];
    for (let index = 0; index < completionsOf(job) && indexes.length < missing; index++) {
      if (!taken.has(index)) indexes.push(index);
    }
    const toFail = podsToFail(job) - failed.length - active.length;
    const wanted = isIndexed
      ? indexes.map((index) => ({
          template,
          // A failed pod of the index may still be there.
          name: `${job.metadata.name}-${index}${failed.length === 0 ? '' : `-${failed.length}`}`,
          labels: { [indexAnnotation]: String(index) },
          annotations: { [indexAnnotation]: String(index) },
        }))
      : Array.from({ length: missing }, () => ({ template }));
    const pods = wanted.map((pod: NewPod, index) =>
      index < toFail ? { ...pod, annotations: { ...failAnnotations, ...pod.annotations } } : pod,
    );
    await inBatches(pods, async (pod) => {
      const made = await this.#pods.create(job, pod);
      if (made !== undefined) started.push(made);
    });
    return started;
  }

  async #expire(job: KubeObject): Promise<{ requeueAfterMs: number } | undefined> {
    const ttl = at(job, 'spec', 'ttlSecondsAfterFinished');
    if (typeof ttl !== 'number') return undefined;
    const finished = objectsAt(job, 'status', 'conditions').find((one) =>
      ['Complete', 'Failed'].includes(textAt(one, 'type')),
    );
    const leftMs = Date.parse(textAt(finished, 'lastTransitionTime')) + ttl * 1000 - this.#cluster.nowMs;
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    await this.#cluster.delete(this.#ref, job);
    return undefined;
  }
}

/** When its active deadline is over; never without one. */
function deadlineOf(job: KubeObject, status: JsonObject): number {
  const seconds = at(job, 'spec', 'activeDeadlineSeconds');
  const started = Date.parse(textAt(status, 'startTime'));
  return typeof seconds === 'number' ? started + seconds * 1000 : Number.POSITIVE_INFINITY;
}

function podsToFail({ metadata }: KubeObject): number {
  return Number(metadata.annotations?.[simulationAnnotations.failPods] ?? 0) || 0;
}

const failAnnotations = {
  [simulationAnnotations.exitCode]: '1',
  [simulationAnnotations.exitAfterSeconds]: '0',
};

function completionsOf(job: KubeObject): number {
  const completions = at(job, 'spec', 'completions');
  return typeof completions === 'number' ? completions : numberAt(job, 'spec', 'parallelism');
}

function indexOf({ metadata }: KubeObject): number {
  return Number(metadata.annotations?.[indexAnnotation] ?? -1);
}

function isDone(job: KubeObject): boolean {
  return objectsAt(job, 'status', 'conditions').some(
    (one) => ['Complete', 'Failed'].includes(textAt(one, 'type')) && one['status'] === 'True',
  );
}

function statusOf(job: KubeObject, { active, succeeded, failed }: Progress, nowMs: number): JsonObject {
  const time = formatTime(nowMs);
  const isSuspended = at(job, 'spec', 'suspend') === true;
  const started = textAt(job, 'status', 'startTime') || time;
  const isComplete = !isSuspended && active.length === 0 && succeeded.length >= completionsOf(job);
  const indexes = succeeded.map(indexOf).filter((index) => index >= 0);
  const conditions = conditionsOf(job, { isSuspended, isComplete, time });
  return {
    ...(conditions.length > 0 && { conditions }),
    ...(!isSuspended && { startTime: started }),
    ...(isComplete && { completionTime: time }),
    ...nonZero({ active: active.length, succeeded: succeeded.length, failed: failed.length }),
    terminating: 0,
    ready: active.filter(isReady).length,
    uncountedTerminatedPods: {},
    ...(indexes.length > 0 && { completedIndexes: formatIndexes(indexes) }),
  };
}

function conditionsOf(
  job: KubeObject,
  { isSuspended, isComplete, time }: { isSuspended: boolean; isComplete: boolean; time: string },
): JsonObject[] {
  const old = objectsAt(job, 'status', 'conditions');
  const wasSuspended = old.find((one) => one['type'] === 'Suspended');
  const conditions: JsonObject[] = old.filter((one) => one['type'] !== 'Suspended');
  const stamps = { lastProbeTime: time, lastTransitionTime: time };
  if (isSuspended || wasSuspended !== undefined) {
    const status = isSuspended ? 'True' : 'False';
    const [reason, message] = isSuspended ? ['JobSuspended', 'Job suspended'] : ['JobResumed', 'Job resumed'];
    const isSame = wasSuspended?.['status'] === status;
    conditions.push(isSame ? wasSuspended : { type: 'Suspended', status, ...stamps, reason, message });
  }
  if (isComplete) {
    const reason = 'CompletionsReached';
    const message = 'Reached expected number of succeeded pods';
    for (const type of ['SuccessCriteriaMet', 'Complete']) {
      conditions.push({ type, status: 'True', ...stamps, reason, message });
    }
  }
  return conditions;
}

/** `0,2-4`. */
function formatIndexes(indexes: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === index - 1) last[1] = index;
    else parts.push([index, index]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join();
}
