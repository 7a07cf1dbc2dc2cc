/**
 * The status of a whole work, from what was observed in the cluster and what the hub has already: conditions with
 * OCM's reasons and messages, entries in the order of the spec. The same input gives the same status, so that an
 * equal one is not sent. Pure.
 */
import {
  type Condition,
  type ConditionUpdate,
  conditionRuleReasonPrefix,
  findCondition,
  type ManifestCondition,
  type ManifestWorkStatus,
  manifestCondition,
  planCondition,
  setCondition,
  workCondition,
  workReason,
} from '@flotilla/api';
import { boundFeedback } from './bound-feedback.js';
import { findOldEntry, planManifestStatus } from './manifest-status.js';
import { boundedMessage } from './messages.js';
import type { WorkObservation } from './observation.js';
import { planHealth } from './work-health.js';

/** Of the objects that hold a deletion up. */
const maxReasonsShown = 10;

export function planWorkStatus(
  old: ManifestWorkStatus | undefined,
  observation: WorkObservation,
): ManifestWorkStatus {
  const oldEntries = old?.resourceStatus?.manifests ?? [];
  const entries = boundFeedback(observation.manifests).map((manifest) =>
    planManifestStatus(manifest, findOldEntry(manifest.meta, oldEntries), observation),
  );
  const { generation, observedAtMs } = observation;
  let conditions: readonly Condition[] = old?.conditions ?? [];
  const updates = [
    planApplied(entries),
    planAvailable(entries),
    ...planRuleConditions(entries).filter(({ type }) => type !== workCondition.healthy),
    ...planHealth(entries),
  ];
  for (const update of updates) {
    if (update === undefined) continue;
    const message = boundedMessage(update.message);
    conditions = setCondition(
      conditions,
      { ...update, message, observedGeneration: generation },
      observedAtMs,
    );
  }
  const types = new Set(updates.map((update) => update?.type));
  // A work that was a plan is applied now, and what was planned is over.
  conditions = conditions.filter(
    ({ type, reason }) =>
      types.has(type) || !(reason.startsWith(conditionRuleReasonPrefix) || type === planCondition.planned),
  );
  return { ...old, conditions: [...conditions], resourceStatus: { manifests: entries } };
}

/** The status of a work that is being deleted: what was reported stands. */
export function planDeletingStatus(
  old: ManifestWorkStatus | undefined,
  { sinceMs, heldBy }: { readonly sinceMs: number; readonly heldBy: readonly string[] },
): ManifestWorkStatus {
  const shown = heldBy.slice(0, maxReasonsShown);
  const more = heldBy.length > shown.length ? [`and ${heldBy.length - shown.length} more`] : [];
  const why = shown.length === 0 ? '' : `: ${[...shown, ...more].join('; ')}`;
  const conditions = setCondition(
    old?.conditions,
    {
      type: workCondition.deleting,
      status: 'True',
      reason: workReason.deleting,
      message: boundedMessage(`ManifestWork is being deleted${why}`),
    },
    sinceMs,
  );
  return { ...old, conditions };
}

function planApplied(entries: readonly ManifestCondition[]): ConditionUpdate | undefined {
  const statuses = statusesOf(entries, manifestCondition.applied);
  if (statuses.length === 0) return undefined;
  return statuses.includes('False')
    ? {
        type: workCondition.applied,
        status: 'False',
        reason: workReason.applyFailed,
        message: 'Failed to apply manifest work',
      }
    : {
        type: workCondition.applied,
        status: 'True',
        reason: workReason.applied,
        message: 'Apply manifest work complete',
      };
}

function planAvailable(entries: readonly ManifestCondition[]): ConditionUpdate {
  const type = workCondition.available;
  const statuses = statusesOf(entries, manifestCondition.available);
  const count = (status: string): number => statuses.filter((each) => each === status).length;
  const total = statuses.length;
  if (count('False') > 0) {
    const message = `${count('False')} of ${total} resources are not available`;
    return { type, status: 'False', reason: workReason.notAvailable, message };
  }
  if (total === 0) {
    const message = 'cannot get any available resource ';
    return { type, status: 'Unknown', reason: workReason.statusUnknown, message };
  }
  if (count('Unknown') > 0) {
    const message = `${count('Unknown')} of ${total} resources have unknown status`;
    return { type, status: 'Unknown', reason: workReason.statusUnknown, message };
  }
  return { type, status: 'True', reason: workReason.available, message: 'All resources are available' };
}

function statusesOf(entries: readonly ManifestCondition[], type: string): string[] {
  return entries.flatMap((entry) => findCondition(entry.conditions, type)?.status ?? []);
}

/** Each type of condition that rules gave to manifests, summed up. */
function planRuleConditions(entries: readonly ManifestCondition[]): ConditionUpdate[] {
  const byType = new Map<string, Condition[]>();
  for (const condition of entries.flatMap((entry) => entry.conditions)) {
    if (!condition.reason.startsWith(conditionRuleReasonPrefix)) continue;
    byType.set(condition.type, [...(byType.get(condition.type) ?? []), condition]);
  }
  return [...byType].map(([type, conditions]) => ({
    type,
    status: aggregate(type, conditions),
    reason: workReason.rulesAggregated,
    message:
      conditions.length === 1 && conditions[0] !== undefined
        ? conditions[0].message
        : `Aggregated from ${conditions.length} manifest conditions`,
  }));
}

/** The first status in this order that any manifest has. As OCM has it, one sound manifest hides degraded ones. */
function aggregate(type: string, conditions: readonly Condition[]): Condition['status'] {
  const order =
    type === workCondition.progressing
      ? (['True', 'Unknown', 'False'] as const)
      : (['False', 'Unknown', 'True'] as const);
  return order.find((status) => conditions.some((each) => each.status === status)) ?? 'Unknown';
}
