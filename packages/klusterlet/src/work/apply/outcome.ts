/**
 * What came of applying one manifest, and what is remembered of it so that the next pass need not look again.
 * Pure types. Made by the strategies, read by the reconciler and by the status.
 */
import type { KubeObject, manifestReason, OwnerReference } from '@flotilla/api';
import type { KubeClient } from '@flotilla/kube';

export interface Applied {
  readonly ok: true;
  /** The object after the pass; undefined for one that is only read and not there. */
  readonly live: KubeObject | undefined;
  /** True when a request changed, or may have changed, the object. */
  readonly wrote: boolean;
  /** The difference that the server insists on, as text: asking for it again would change nothing. */
  readonly settled?: string;
}

export interface NotApplied {
  readonly ok: false;
  readonly reason: typeof manifestReason.applyFailed | typeof manifestReason.ignoreFieldError;
  /** One sentence, without the prefix that the condition adds. */
  readonly message: string;
  /** The object if it was seen, `absent` if it was not there. */
  readonly live: KubeObject | 'absent' | undefined;
  /** backoff: soon, then later and later. later: with the next full pass or change, whichever is first. */
  readonly retry: 'backoff' | 'later';
  /** Not before this time, when the retry is to be at a certain one. */
  readonly retryAfterMs?: number;
  /** True when a busy server asked to be left alone until then, whatever else happens. */
  readonly isBusy?: boolean;
  /** True when all that stands in the way is the limit on corrections. */
  readonly isLimited?: boolean;
}

export type Outcome = Applied | NotApplied;

/** Of a live object only identity and version are kept; its values went into the observation. */
export function shrink(outcome: Outcome): Outcome {
  if (typeof outcome.live !== 'object') return outcome;
  const { apiVersion, kind, metadata } = outcome.live;
  const { name, uid, resourceVersion } = metadata;
  const live: KubeObject = {
    apiVersion,
    kind,
    metadata: {
      ...(name !== undefined && { name }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
  };
  return { ...outcome, live };
}

/** What a strategy is given besides the target. */
export interface ApplyContext {
  readonly client: KubeClient;
  readonly signal: AbortSignal;
  readonly owner: OwnerReference;
  /** Earlier manifests of this object in the same apiVersion, normalized. */
  readonly previous: readonly KubeObject[];
  /** What the last pass left, if it was for the same manifest. */
  readonly remembered: { readonly settled?: string } | undefined;
  /** True when the object is probably not there yet, so that creating it is the first thing to try. */
  readonly expectAbsent: boolean;
  /** The work that has this object's fields, when it is another one. */
  readonly contestedBy: string | undefined;
  /**
   * To be awaited before a request may make an object ours: the inventory must not name another object of this name
   * then, or the one made now would be taken for somebody else's. The uid of the object, if it is there already.
   */
  readonly claim: (uid: string | undefined) => Promise<void>;
  /** How long a correction must wait, because too many were made lately; 0: not at all. */
  readonly correctionDelayMs: () => number;
}
