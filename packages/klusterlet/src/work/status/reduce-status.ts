/**
 * A status that the hub takes: of works with thousands of manifests the whole one can be larger than a request or an
 * object may be, and then nobody would learn anything. What is left out are details of manifests that are well; a
 * condition says so. Pure; called by the hub writer once the hub has refused a status for its size.
 */
import {
  type Condition,
  conditionRuleReasonPrefix,
  findCondition,
  type ManifestCondition,
  type ManifestWorkStatus,
  manifestCondition,
  setCondition,
  workCondition,
  workReason,
} from '@flotilla/api';

/** The steps of reduceStatus, from the whole status to the smallest one. */
export const maxReduction = 3;

/** Entries that the last step keeps. */
const maxEntries = 500;
const maxShortMessage = 512;

/** OCM's own conditions of a manifest, which are kept longest. */
const essential: ReadonlySet<string> = new Set([manifestCondition.applied, manifestCondition.available]);

/**
 * 0: the status itself. 1: manifests that are well have their Applied and Available, without words. 2: no feedback
 * either, and short messages. 3: only manifests that are not well or have conditions of rules, up to 500. Conditions of the work are always
 * those of the whole status.
 */
export function reduceStatus(
  status: ManifestWorkStatus,
  { reduction, atMs }: { readonly reduction: number; readonly atMs: number },
): ManifestWorkStatus {
  const all = status.resourceStatus?.manifests;
  if (all === undefined) return status;
  const type = workCondition.statusComplete;
  if (reduction === 0) {
    if (findCondition(status.conditions, type) === undefined) return status;
    return {
      ...status,
      conditions: (status.conditions ?? []).filter((condition) => condition.type !== type),
    };
  }
  let manifests = all.map((entry) => (isWell(entry) ? withoutWords(entry) : entry));
  if (reduction > 1) manifests = manifests.map(withoutFeedback);
  if (reduction > 2) manifests = manifests.filter(isTelling).slice(0, maxEntries);
  const conditions = setCondition(
    status.conditions,
    {
      type,
      status: 'False',
      reason: workReason.statusTooLarge,
      message: `The status of ${all.length} manifests is too large for the hub: ${leftOut(reduction, all.length - manifests.length)}`,
    },
    atMs,
  );
  return { ...status, conditions: [...conditions], resourceStatus: { manifests } };
}

function leftOut(reduction: number, entries: number): string {
  const details = 'details of manifests that are well';
  if (reduction === 1) return `${details} are left out`;
  if (reduction === 2) return `${details} and all feedback are left out`;
  return `${details}, all feedback and ${entries} manifests are left out`;
}

function isWell({ conditions }: ManifestCondition): boolean {
  return [...essential].every((type) => findCondition(conditions, type)?.status === 'True');
}

/** What is complete must not start anew, and that is read from here after a restart. */
function isTelling(entry: ManifestCondition): boolean {
  return !isWell(entry) || entry.conditions.some(isOfRule);
}

function isOfRule({ reason }: Condition): boolean {
  return reason.startsWith(conditionRuleReasonPrefix);
}

function withoutWords(entry: ManifestCondition): ManifestCondition {
  const conditions = entry.conditions
    .filter((condition) => essential.has(condition.type) || isOfRule(condition))
    .map((condition) => ({ ...condition, message: '' }));
  return { ...entry, conditions };
}

function withoutFeedback({ resourceMeta, conditions }: ManifestCondition): ManifestCondition {
  return {
    resourceMeta,
    conditions: conditions
      .filter(({ type }) => type !== manifestCondition.statusFeedbackSynced)
      .map((condition: Condition) => ({
        ...condition,
        message: condition.message.slice(0, maxShortMessage),
      })),
  };
}
