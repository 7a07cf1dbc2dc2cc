/**
 * Answers the ManifestWorkPlans of its cluster: one metadata watch on the hub, and work only when there is a question.
 * A hub that does not serve plans, such as OCM's, is asked again once in a while. A failing plan harms no work.
 */
import {
  hasReason,
  type ManifestPlan,
  type ManifestWorkPlan,
  type ManifestWorkPlanStatus,
  manifestWorkPlanKind,
  planCondition,
  planReason,
  resourceOf,
  setCondition,
} from '@flotilla/api';
import { createController, createInformer, type Env, type KubeClient, sleep } from '@flotilla/kube';
import type { WorkPlanInput } from './plan-work.js';

export interface PlanAgentOptions {
  readonly env: Pick<Env, 'clock' | 'random' | 'log'>;
  readonly hub: KubeClient;
  readonly clusterName: string;
  /** @throws when the cluster cannot be asked. */
  readonly plan: (input: Pick<WorkPlanInput, 'name' | 'spec' | 'signal'>) => Promise<readonly ManifestPlan[]>;
}

export interface PlanAgent {
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

const ref = resourceOf(manifestWorkPlanKind);

/** Pause before a hub that does not serve plans, or does not let us see them, is asked again. */
const unservedRetryMs = 600_000;
/** Pause before a hub that cannot be reached is asked again. */
const unreachedRetryMs = 15_000;
/** Bytes of an answer; an object of the hub has a limit of 1.5 MiB. */
const maxAnswerLength = 512 * 1024;

export function createPlanAgent({ env, hub, clusterName, plan }: PlanAgentOptions): PlanAgent {
  const informer = createInformer(hub, ref, { env, namespace: clusterName, metadataOnly: true });
  const controller = createController({
    name: 'work plan',
    env,
    concurrency: 1,
    maxDelayMs: 60_000,
    reconcile: async (name, { signal }) => {
      const asked = await readPlan(name, signal);
      if (asked?.spec === undefined || isAnswered(asked)) return;
      const { workName, workSpec } = asked.spec;
      const status = await answer(() => plan({ name: workName, spec: workSpec, signal }), signal);
      await write(asked, status, signal);
    },
  });
  informer.onChange(({ type, object }) => {
    if (type !== 'deleted') controller.enqueue(object.metadata.name ?? '');
  });

  async function readPlan(name: string, signal: AbortSignal): Promise<ManifestWorkPlan | undefined> {
    try {
      return await hub.get<ManifestWorkPlan>(ref, { namespace: clusterName, name }, { signal });
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async function write(
    { metadata, status: before }: ManifestWorkPlan,
    answered: Answer,
    signal: AbortSignal,
  ): Promise<void> {
    const { name = '', uid, generation = 0 } = metadata;
    const { condition, ...rest } = answered;
    const update = { type: planCondition.planned, observedGeneration: generation, ...condition };
    const conditions = setCondition(before?.conditions, update, env.clock.now());
    const status: ManifestWorkPlanStatus = { observedGeneration: generation, conditions, ...rest };
    try {
      await hub.patch(
        ref,
        { namespace: clusterName, name },
        { type: 'merge', subresource: 'status', body: { metadata: { uid }, status }, signal },
      );
    } catch (error) {
      if (!hasReason(error, 'NotFound', 'Conflict')) throw error; // nobody waits for the answer any more
    }
  }

  /** Resolves when the hub serves plans. @throws when the signal aborts. */
  async function served(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await hub.list(ref, { namespace: clusterName, limit: 1, metadataOnly: true, signal });
        return;
      } catch (error) {
        signal.throwIfAborted();
        const isUnknown = hasReason(error, 'NotFound', 'Forbidden');
        env.log.debug('plans cannot be watched yet', { error });
        await sleep(env.clock, isUnknown ? unservedRetryMs : unreachedRetryMs, signal);
      }
    }
  }

  let starting: Promise<void> = Promise.resolve();
  return {
    start: (signal) => {
      starting = served(signal).then(
        () => {
          informer.start(signal);
          controller.start(signal);
        },
        (error: unknown) => env.log.debug('plans are not watched', { error }),
      );
    },
    close: async () => {
      await starting;
      await Promise.all([controller.close(), informer.close()]);
    },
  };
}

function isAnswered({ metadata, status }: ManifestWorkPlan): boolean {
  return status?.observedGeneration === metadata.generation;
}

interface Answer extends Pick<ManifestWorkPlanStatus, 'summary' | 'manifests'> {
  readonly condition: {
    readonly status: 'True' | 'False';
    readonly reason: string;
    readonly message: string;
  };
}

async function answer(plan: () => Promise<readonly ManifestPlan[]>, signal: AbortSignal): Promise<Answer> {
  try {
    const manifests = await plan();
    const summary = { create: 0, change: 0, unchanged: 0, delete: 0, refused: 0 };
    for (const { action } of manifests) summary[action]++;
    const message = Object.entries(summary)
      .map(([action, count]) => `${action} ${count}`)
      .join(', ');
    return {
      condition: { status: 'True', reason: planReason.planned, message },
      summary,
      manifests: fitted(manifests),
    };
  } catch (error) {
    signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    return { condition: { status: 'False', reason: planReason.failed, message } };
  }
}

/** An answer that is too long tells of the later manifests how many fields change, but not which. */
export function fitted(manifests: readonly ManifestPlan[]): ManifestPlan[] {
  let length = 0;
  return manifests.map((manifest) => {
    const { changes, ...rest } = manifest;
    length += JSON.stringify(rest).length;
    if (changes === undefined) return rest;
    const size = JSON.stringify(changes).length;
    if (length + size > maxAnswerLength) {
      return { ...rest, moreChanges: (rest.moreChanges ?? 0) + changes.length };
    }
    length += size;
    return manifest;
  });
}
