/**
 * How long a request may take: a minute, or less where its `timeout` parameter says so; then its client is answered 504.
 * What was begun goes on, as with the reference. Watches and streams have no such end. Behaviour of k8s.io/apiserver
 * WithRequestDeadline and its timeout filter. Called by the request pipeline.
 */
import { newBadRequest, newStatusError } from '@flotilla/api';
import type { Clock } from '@flotilla/kube';
import { parseGoDuration } from './go-duration.js';
import { isLongRunning, type RequestInfo } from './request-info.js';

/** The reference's --request-timeout. */
export const defaultRequestTimeoutMs = 60_000;

/** Undefined: without end. @throws StatusError 400 when the parameter is no duration. */
export function requestTimeoutMs(
  info: RequestInfo,
  query: URLSearchParams,
  longestMs: number,
): number | undefined {
  if (isLongRunning(info)) return undefined;
  const text = query.get('timeout');
  if (text === null || text === '') return longestMs;
  const wantedMs = parseTimeout(text);
  return wantedMs === 0 ? longestMs : Math.min(wantedMs, longestMs);
}

function parseTimeout(text: string): number {
  try {
    return parseGoDuration(text);
  } catch (cause) {
    const message = `invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`;
    throw newBadRequest(message, { cause });
  }
}

/** Rejects with StatusError 504 when the work takes longer. */
export function withinDeadline<T>(
  work: Promise<T>,
  { clock, timeoutMs }: { readonly clock: Pick<Clock, 'setTimer'>; readonly timeoutMs: number | undefined },
): Promise<T> {
  if (timeoutMs === undefined) return work;
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(timeoutMs, () => {
      const message =
        'Timeout: request did not complete within requested timeout - context deadline exceeded';
      reject(newStatusError(504, 'Timeout', { message }));
    });
    void work.then(resolve, reject).finally(() => timer.cancel());
  });
}
