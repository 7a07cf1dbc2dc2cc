/**
 * What the klusterlet knows about a work in its cluster, apart from what the hub was told. Made by the reconciler,
 * turned into the hub's status when it is sent. Pure types.
 */
import type { FeedbackValue, ManifestResourceMeta } from '@flotilla/api';

/** A condition but for its times, which depend on what the hub has. */
export interface Judgement {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export interface ManifestObservation {
  readonly meta: ManifestResourceMeta;
  readonly applied: Judgement;
  readonly available: Judgement;
  /** Undefined: the object could not be read, and what was reported before stands. */
  readonly feedback: { readonly values: readonly FeedbackValue[]; readonly judgement: Judgement } | undefined;
  /** Conditions by the work's condition rules; undefined as for feedback. */
  readonly rules: readonly (Judgement & { readonly type: string })[] | undefined;
  /** Whether the object has become what it should be; undefined as for feedback. */
  readonly health: Judgement | undefined;
}

export interface WorkObservation {
  readonly uid: string;
  /** The generation whose manifests these are. */
  readonly generation: number;
  readonly manifests: readonly ManifestObservation[];
  readonly observedAtMs: number;
}
