/**
 * What is said when an object is not corrected now, since somebody changes or deletes it again each time. Called by
 * the strategies before they write to an object that was as it should be. Pure but for the limiter's count.
 */
import type { ApplyContext, NotApplied } from './outcome.js';

/** Undefined when the correction may be made, which then counts. */
export function refuseTooSoon(live: NotApplied['live'], context: ApplyContext): NotApplied | undefined {
  const retryAfterMs = context.correctionDelayMs();
  if (retryAfterMs === 0) return undefined;
  const what =
    live === 'absent' ? 'deleting the object; it is made' : 'changing the object back; it is corrected';
  return {
    ok: false,
    reason: 'AppliedManifestFailed',
    message: `somebody else keeps ${what} again in ${Math.ceil(retryAfterMs / 1000)}s`,
    live,
    retry: 'later',
    retryAfterMs,
    isLimited: true,
  };
}
