/**
 * Answers works that are annotated as plans: they are not applied, and say in their status what would be. The hub lets
 * such a work in only for a cluster whose agent has said that it knows them. Answers are made beside the works that are
 * applied: a hub that does not take one holds up nobody but the next plan. Called by the reconciler.
 */
import {
  describeFieldChange,
  findCondition,
  hasReason,
  isPlan,
  type ManifestCondition,
  type ManifestPlan,
  type ManifestWork,
  planCondition,
  planReason,
  setCondition,
} from '@flotilla/api';
import {
  createController,
  type Env,
  type KubeClient,
  patchStatus,
  type ReconcileResult,
  TransportError,
  wellKnown,
} from '@flotilla/kube';
import type { WorkSource } from '../work-source.js';
import { fitted } from './plan-agent.js';
import type { WorkPlanInput } from './plan-work.js';

export interface AnnotatedPlansOptions {
  readonly env: Pick<Env, 'clock' | 'random' | 'log'>;
  readonly hub: KubeClient;
  readonly source: Pick<WorkSource, 'get'>;
  /** @throws when the cluster cannot be asked. */
  readonly plan: (input: Pick<WorkPlanInput, 'name' | 'spec' | 'signal'>) => Promise<readonly ManifestPlan[]>;
}

export interface AnnotatedPlans {
  /** Plans the work of this name if it is a plan and its status has no answer, as soon as cluster and hub can be asked. */
  answer(work: string): void;
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

/** Of one condition; a status holds many. */
const maxMessageLength = 4096;
/** Pause before a hub or a cluster that cannot be reached is asked again; doubled at most. */
const unreachableMs = 1500;

export function createAnnotatedPlans(options: AnnotatedPlansOptions): AnnotatedPlans {
  const { env } = options;
  const controller = createController({
    name: 'annotated plan',
    env,
    concurrency: 2,
    maxDelayMs: 60_000,
    reconcile: async (name, { signal }): Promise<ReconcileResult | undefined> => {
      const work = options.source.get(name);
      if (!isOpen(work)) return undefined;
      try {
        await answer(work, options, signal);
        return undefined;
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        env.log.debug('a plan waits for a server that cannot be reached', { work: name, error });
        return { requeueAfterMs: unreachableMs * (1 + env.random.next()) };
      }
    },
  });
  return {
    answer: (name) => {
      if (isOpen(options.source.get(name))) controller.enqueue(name);
    },
    start: (signal) => controller.start(signal),
    close: () => controller.close(),
  };
}

async function answer(
  work: ManifestWork,
  { env, hub, plan }: AnnotatedPlansOptions,
  signal: AbortSignal,
): Promise<void> {
  const { name = '' } = work.metadata;
  const plans = fitted(await plan({ name, spec: work.spec ?? {}, signal }));
  const status = planStatus(work, plans, env.clock.now());
  try {
    await patchStatus(hub, { resource: wellKnown.manifestWorks, object: work, status, signal });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

/** A plan whose status does not tell about its newest generation. */
function isOpen(work: ManifestWork | undefined): work is ManifestWork {
  if (work === undefined || !isPlan(work) || work.metadata.deletionTimestamp !== undefined) return false;
  const answered = findCondition(work.status?.conditions, planCondition.planned);
  return answered?.observedGeneration !== work.metadata.generation;
}

function planStatus(
  { metadata, status }: ManifestWork,
  plans: readonly ManifestPlan[],
  nowMs: number,
): NonNullable<ManifestWork['status']> {
  const { generation: observedGeneration = 0 } = metadata;
  const entries = plans.flatMap((plan): ManifestCondition[] => {
    const { ordinal, group = '', version = '', kind = '', resource = '', name = '', namespace = '' } = plan;
    if (ordinal === undefined) return [];
    const condition = { type: planCondition.planned, ...judge(plan), observedGeneration };
    return [
      {
        resourceMeta: { ordinal, group, version, kind, resource, name, namespace },
        conditions: setCondition([], condition, nowMs),
      },
    ];
  });
  const message = `nothing is applied: ${plans.length === 0 ? 'there is nothing to do' : count(plans)}`;
  const isRefused = plans.some(({ action }) => action === 'refused');
  const planned = {
    type: planCondition.planned,
    status: isRefused ? 'False' : 'True',
    reason: isRefused ? planReason.refused : planReason.planned,
    message,
    observedGeneration,
  } as const;
  const conditions = setCondition(status?.conditions, planned, nowMs);
  return { conditions, resourceStatus: { manifests: entries } };
}

function count(plans: readonly ManifestPlan[]): string {
  const counts = new Map<string, number>();
  for (const { action } of plans) counts.set(action, (counts.get(action) ?? 0) + 1);
  return [...counts].map(([action, times]) => `${times} ${action}`).join(', ');
}

function judge({ action, message, changes = [], moreChanges = 0 }: ManifestPlan): {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
} {
  const parts = [
    ...(message === undefined ? [] : [message]),
    ...changes.map(describeFieldChange),
    ...(moreChanges > 0 ? [`and ${moreChanges} more`] : []),
  ];
  const text = parts.join('; ');
  return {
    status: action === 'refused' ? 'False' : 'True',
    reason: `${action.slice(0, 1).toUpperCase()}${action.slice(1)}`,
    message: text.length > maxMessageLength ? `${text.slice(0, maxMessageLength - 1)}…` : text,
  };
}
