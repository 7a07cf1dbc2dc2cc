/**
 * The status entry of one manifest: OCM's condition types, reasons, messages and transition times, and what carries
 * over from the entry that the hub has. Pure.
 */
import {
  type Condition,
  conditionRuleReasonPrefix,
  equal,
  findCondition,
  type ManifestCondition,
  type ManifestResourceMeta,
  manifestCondition,
  planCondition,
  removeCondition,
  setCondition,
} from '@flotilla/api';
import { boundedMessage } from './messages.js';
import type { ManifestObservation } from './observation.js';

export interface StatusMoment {
  readonly generation: number;
  readonly observedAtMs: number;
}

/** The new entry; the old one itself when nothing changed. */
export function planManifestStatus(
  observation: ManifestObservation,
  old: ManifestCondition | undefined,
  { generation, observedAtMs }: StatusMoment,
): ManifestCondition {
  const { meta, applied, available, feedback, rules } = observation;
  let conditions: readonly Condition[] = removeCondition(old?.conditions ?? [], planCondition.planned);
  const before = findCondition(conditions, manifestCondition.applied);
  // A new generation is a new act of applying: the condition starts over, at the end of the list.
  if (before !== undefined && before.observedGeneration !== generation) {
    conditions = removeCondition(conditions, manifestCondition.applied);
  }
  const set = (type: string, judgement: Omit<Condition, 'type' | 'lastTransitionTime'>): void => {
    const message = boundedMessage(judgement.message);
    conditions = setCondition(conditions, { type, ...judgement, message }, observedAtMs);
  };
  const appliedNow = { ...applied, observedGeneration: generation };
  const appliedFirst = before === undefined;
  if (appliedFirst) set(manifestCondition.applied, appliedNow);
  set(manifestCondition.available, available);
  if (feedback) {
    const values = feedback.values;
    const isNews = !equal(old?.statusFeedback?.values ?? [], values);
    if (isNews) conditions = removeCondition(conditions, manifestCondition.statusFeedbackSynced);
    set(manifestCondition.statusFeedbackSynced, feedback.judgement);
  }
  if (!appliedFirst) set(manifestCondition.applied, appliedNow);
  const isRuled = (rules ?? []).some(({ type }) => type === manifestCondition.healthy);
  if (observation.health && !isRuled) {
    set(manifestCondition.healthy, { ...observation.health, observedGeneration: generation });
  }
  if (rules) {
    for (const { type, ...rule } of rules) set(type, { ...rule, observedGeneration: generation });
    conditions = conditions.filter((condition) => !isStaleRule(condition, rules));
  }
  const values = feedback === undefined ? old?.statusFeedback?.values : feedback.values;
  const next: ManifestCondition = {
    resourceMeta: meta,
    conditions: [...conditions],
    ...(values !== undefined && values.length > 0 && { statusFeedback: { values: [...values] } }),
  };
  return old !== undefined && equal(old, next) ? old : next;
}

/** A condition of a rule that the work does not have any more. */
function isStaleRule(condition: Condition, rules: readonly { readonly type: string }[]): boolean {
  return (
    condition.reason.startsWith(conditionRuleReasonPrefix) &&
    !rules.some(({ type }) => type === condition.type)
  );
}

/** The hub's entry for this object: the same in all, or the only one that differs in its place in the list. */
export function findOldEntry(
  meta: ManifestResourceMeta,
  entries: readonly ManifestCondition[],
): ManifestCondition | undefined {
  const inPlace = entries[meta.ordinal]; // all others are looked at only when it is not there
  if (inPlace !== undefined && isSameMeta(inPlace.resourceMeta, meta)) return inPlace;
  const exact = entries.find((entry) => isSameMeta(entry.resourceMeta, meta));
  if (exact !== undefined || (meta.name ?? '') === '') return exact;
  const moved = entries.filter((entry) => isSameMeta({ ...entry.resourceMeta, ordinal: meta.ordinal }, meta));
  return moved.length === 1 ? moved[0] : undefined;
}

/** A server may leave out what is empty. */
function isSameMeta(a: ManifestResourceMeta, b: ManifestResourceMeta): boolean {
  const fields = ['group', 'version', 'kind', 'resource', 'name', 'namespace'] as const;
  return a.ordinal === b.ordinal && fields.every((field) => (a[field] ?? '') === (b[field] ?? ''));
}
