import { type DeletionGuardOptions, defaultDeletionGuardOptions } from './deletion-guard.js';

/** Settings of the work agent, each with the reason for its default. */
export interface WorkAgentOptions {
  /** Works that are applied at a time: enough to hide a round trip, too few to flood a small API server. */
  readonly workConcurrency: number;
  /** Manifests of one work that are applied at a time, within a rank. */
  readonly manifestConcurrency: number;
  /** Works whose status is sent at a time. */
  readonly hubConcurrency: number;
  /**
   * How long a starting agent waits for the hub's word before it acts on its saved works: a saved work may have been
   * changed or deleted meanwhile, and a hub that can be reached tells within this time.
   */
  readonly firstWordMs: number;
  /** A work is looked over so often though nothing told of a change; OCM's agent applies everything again then. */
  readonly resyncMs: number;
  /** How long a work must be missing on the hub before what it applied is deleted; OCM's default. */
  readonly evictionGracePeriodMs: number;
  /** How long a pass waits for definitions that it has just applied to be served. */
  readonly definitionWaitMs: number;
  /** Objects of a later rank hold back the deletion of an earlier one no longer than this. */
  readonly deletionOrderMs: number;
  /** Longest pause between attempts to apply a work that fails. */
  readonly maxRetryMs: number;
  /** Longest pause between attempts to reach the hub. */
  readonly maxHubRetryMs: number;
  /** A work whose executor may not apply a manifest is tried again after this; OCM's pause. */
  readonly executorRetryMs: number;
  /** What is not healthy is asked why after this time: most of it only needs a moment. */
  readonly diagnoseAfterMs: number;
  /** And again so often while it lasts. */
  readonly diagnoseEveryMs: number;
  /** When a mass deletion is held. */
  readonly deletionGuard: DeletionGuardOptions;
  /** OCM's feature gate RawFeedbackJsonString. */
  readonly rawFeedbackJson: boolean;
  /** Longest JSON text in the feedback; the schema allows no more than this. */
  readonly maxJsonRawLength: number;
}

export const defaultWorkAgentOptions: WorkAgentOptions = Object.freeze({
  workConcurrency: 16,
  manifestConcurrency: 8,
  hubConcurrency: 16,
  firstWordMs: 1000,
  resyncMs: 300_000,
  evictionGracePeriodMs: 3_600_000,
  definitionWaitMs: 2000,
  deletionOrderMs: 30_000,
  maxRetryMs: 60_000,
  maxHubRetryMs: 10_000,
  executorRetryMs: 60_000,
  diagnoseAfterMs: 3000,
  diagnoseEveryMs: 15_000,
  deletionGuard: defaultDeletionGuardOptions,
  rawFeedbackJson: false,
  maxJsonRawLength: 1024,
});
