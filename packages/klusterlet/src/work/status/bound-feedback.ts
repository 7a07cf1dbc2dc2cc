/**
 * Keeps what feedback rules report so small that the work's status can be stored beside its manifests: a hub takes
 * objects of 1.5 MiB, and a value that is too long would cost the work its whole status. Pure; called for every status
 * of a work.
 */
import { type FeedbackValue, manifestReason } from '@flotilla/api';
import type { ManifestObservation } from './observation.js';

/** Bytes of all reported values of a work together; OCM has no limit. */
export const maxFeedbackBytes = 262_144;

/** The observations as they are when all values fit. In the order of the manifests, the first that fit are kept. */
export function boundFeedback(manifests: readonly ManifestObservation[]): readonly ManifestObservation[] {
  let left = maxFeedbackBytes;
  return manifests.map((observation) => {
    const { feedback } = observation;
    if (feedback === undefined) return observation;
    const dropped: string[] = [];
    const values = feedback.values.filter((value) => {
      const size = sizeOf(value);
      const fits = size <= left;
      if (fits) left -= size;
      else dropped.push(value.name);
      return fits;
    });
    if (dropped.length === 0) return observation;
    const why = `the values of a work may have no more than ${maxFeedbackBytes} bytes together, too long: ${dropped.join(', ')}`;
    const before = feedback.judgement.status === 'False' ? `${feedback.judgement.message}; ` : '';
    const message = `${before}Sync status feedback failed with error ${why}`;
    const judgement = { status: 'False', reason: manifestReason.statusFeedbackFailed, message } as const;
    return { ...observation, feedback: { values, judgement } };
  });
}

function sizeOf({ fieldValue: { string, jsonRaw } }: FeedbackValue): number {
  const text = string ?? jsonRaw;
  return text === undefined ? 0 : Buffer.byteLength(JSON.stringify(text));
}
