/**
 * Answers works that are annotated as plans: they are not applied, and say in their status what would be. The hub lets
 * such a work in only for a cluster whose agent has said that it knows them. Called by the reconciler.
 */
import {
  describeFieldChange,
  findCondition,
  hasReason,
  type ManifestCondition,
  type ManifestPlan,
  type ManifestWork,
  planCondition,
  planReason,
  setCondition,
} from '@flotilla/api';
import { type Env, type KubeClient, wellKnown } from '@flotilla/kube';
import { fitted } from './plan-agent.js';
import type { WorkPlanInput } from './plan-work.js';

export interface AnnotatedPlansOptions {
  readonly env: Pick<Env, 'clock'>;
  readonly hub: KubeClient;
  readonly plan: (input: Pick<WorkPlanInput, 'name' | 'spec' | 'signal'>) => Promise<readonly ManifestPlan[]>;
}

export interface AnnotatedPlans {
  /** Plans a generation once. @throws when the cluster or the hub cannot be asked. */
  answer(work: ManifestWork, signal: AbortSignal): Promise<void>;
}

/** Of one condition; a status holds many. */
const maxMessageLength = 4096;

export function createAnnotatedPlans({ env, hub, plan }: AnnotatedPlansOptions): AnnotatedPlans {
  return {
    answer: async (work, signal) => {
      const { name = '', namespace = '', uid, resourceVersion, generation } = work.metadata;
      const answered = findCondition(work.status?.conditions, planCondition.planned);
      if (answered?.observedGeneration === generation) return;
      const plans = fitted(await plan({ name, spec: work.spec ?? {}, signal }));
      const status = planStatus(work, plans, env.clock.now());
      try {
        await hub.patch(
          wellKnown.manifestWorks,
          { namespace, name },
          {
            type: 'merge',
            subresource: 'status',
            body: { metadata: { uid, resourceVersion }, status },
            signal,
          },
        );
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
    },
  };
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
