/**
 * From what came of applying a manifest to what is said about it. Messages are OCM's where OCM has the case; a
 * manifest with alternatives says which one is in effect. Pure.
 */
import { healthReason, type KubeObject, type ManifestResourceMeta, manifestReason } from '@flotilla/api';
import type { NotApplied, Outcome } from '../apply/outcome.js';
import { healthOf } from '../health/health.js';
import type { HealthState } from '../health/health-state.js';
import type { PlannedManifest, Target } from '../planning/plan-manifests.js';
import { evaluateRules } from './condition-rules.js';
import { type FeedbackOptions, readFeedback } from './feedback.js';
import type { Judgement, ManifestObservation } from './observation.js';

export const coveredBy = (target: Target): string =>
  `Covered by ${target.manifest.apiVersion} ${target.kind}, the first of the offered versions that the cluster serves`;

const complete: Judgement = {
  status: 'True',
  reason: manifestReason.applied,
  message: 'Apply manifest complete',
};
const available: Judgement = {
  status: 'True',
  reason: manifestReason.available,
  message: 'Resource is available',
};
const notAvailable: Judgement = {
  status: 'False',
  reason: manifestReason.notAvailable,
  message: 'Resource is not available',
};
const incomplete: Judgement = {
  status: 'Unknown',
  reason: manifestReason.incompleteMeta,
  message: 'Resource meta is incomplete',
};
const noFeedback = {
  values: [],
  judgement: { status: 'True', reason: manifestReason.noStatusFeedback, message: '' },
} as const;

/** A target that was applied, or failed. */
export function judgeTarget(target: Target, outcome: Outcome, options: FeedbackOptions): ManifestObservation {
  const live = typeof outcome.live === 'object' ? outcome.live : undefined;
  return {
    meta: target.meta,
    applied: outcome.ok ? appliedOf(target) : failedOf(outcome),
    available: availableOf(outcome),
    feedback: live && feedbackOf(live, target, options),
    rules: live && evaluateRules(withType(live, target), target.settings.conditionRules),
    health: judgeHealth(outcome, target),
  };
}

const healthReasons: Readonly<Record<HealthState, string>> = {
  Current: healthReason.current,
  InProgress: healthReason.inProgress,
  Failed: healthReason.failed,
  Terminating: healthReason.terminating,
};

function judgeHealth(outcome: Outcome, target: Target): Judgement | undefined {
  if (typeof outcome.live !== 'object') {
    const isAbsent = outcome.ok || outcome.live === 'absent';
    return isAbsent
      ? { status: 'False', reason: healthReason.notApplied, message: 'The object does not exist' }
      : undefined;
  }
  const { state, message } = healthOf(withType(outcome.live, target));
  return { status: state === 'Current' ? 'True' : 'False', reason: healthReasons[state], message };
}

function appliedOf(target: Target): Judgement {
  if (target.offered === 1) return complete;
  const { apiVersion } = target.manifest;
  const message = `Apply manifest complete: ${apiVersion} is the first of the offered versions that the cluster serves`;
  return { ...complete, message };
}

function failedOf({ reason, message }: NotApplied): Judgement {
  const begin =
    reason === manifestReason.ignoreFieldError
      ? 'Failed to process ignoreFields'
      : 'Failed to apply manifest';
  return { status: 'False', reason, message: `${begin}: ${message}` };
}

function availableOf(outcome: Outcome): Judgement {
  if (typeof outcome.live === 'object') return available;
  if (outcome.ok || outcome.live === 'absent') return notAvailable;
  const message = `Failed to fetch resource: ${outcome.message}`;
  return { status: 'Unknown', reason: manifestReason.fetchFailed, message };
}

function feedbackOf(
  live: KubeObject,
  target: Target,
  options: FeedbackOptions,
): NonNullable<ManifestObservation['feedback']> {
  const rules = target.settings.feedbackRules;
  if (rules.length === 0) return noFeedback;
  const { values, problems } = readFeedback(withType(live, target), rules, options);
  if (problems.length === 0) {
    return {
      values,
      judgement: { status: 'True', reason: manifestReason.statusFeedbackSynced, message: '' },
    };
  }
  const list = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`;
  const message = `Sync status feedback failed with error ${list}`;
  return { values, judgement: { status: 'False', reason: manifestReason.statusFeedbackFailed, message } };
}

/** A server may leave apiVersion and kind out. */
function withType(live: KubeObject, { manifest: { apiVersion, kind } }: Target): KubeObject {
  return { ...live, apiVersion, kind };
}

/** A manifest that is no target: it cannot be applied, or another version of it was. */
export function judgeRest(
  planned: Exclude<PlannedManifest, { type: 'target' }>,
  winnerOf: (target: Target) => ManifestObservation | undefined,
): ManifestObservation {
  if (planned.type === 'failed') return judgeUnplanned(planned.meta, planned.problem);
  const winner = winnerOf(planned.by);
  const message = coveredBy(planned.by);
  return {
    meta: planned.meta,
    applied: { ...complete, message },
    available:
      winner?.available.status === 'True' ? { ...available, message } : (winner?.available ?? incomplete),
    feedback: noFeedback,
    rules: [],
    health: winner?.health,
  };
}

/** A manifest of which nothing is applied. */
export function judgeUnplanned(meta: ManifestResourceMeta, problem: string): ManifestObservation {
  return {
    meta,
    applied: {
      status: 'False',
      reason: manifestReason.applyFailed,
      message: `Failed to apply manifest: ${problem}`,
    },
    available: incomplete,
    feedback: undefined,
    rules: undefined,
    health: undefined,
  };
}
