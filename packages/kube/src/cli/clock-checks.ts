/** Compares the clock of a server, by the date of its answers, with ours. */
import type { Transport } from '../client/transport.js';
import type { Clock } from '../env/env.js';
import { type Finding, failure, ok, warning } from './checklist.js';

/** Dates of answers are whole seconds, and an answer takes its time. */
const negligibleMs = 5000;
/** From here on tokens and certificates that were just made may count as expired, or not valid yet. */
const harmfulMs = 60_000;

/** @throws StatusError or TransportError when there is no answer. */
export async function checkClock(
  transport: Transport,
  { clock, server }: { clock: Pick<Clock, 'now'>; server: string },
): Promise<Finding> {
  const startMs = clock.now();
  const response = await transport.request({ method: 'GET', path: '/version', timeoutMs: 10_000 });
  await response.bytes();
  const date = Date.parse(response.headers['date'] ?? '');
  if (Number.isNaN(date)) return warning(`${server} does not tell its time`, 'compare the clocks by hand');
  // The truth lies within the second that the date names, and somewhere between question and answer.
  const aheadMs = Math.round((startMs + clock.now()) / 2 - (date + 500));
  return judgeSkew(aheadMs, server);
}

/** Positive: this machine is ahead. */
export function judgeSkew(aheadMs: number, server: string): Finding {
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const direction = aheadMs > 0 ? 'ahead of' : 'behind';
  const skew = `the clock of this machine is ${seconds} s ${direction} that of ${server}`;
  const fix = 'set both clocks by NTP (timedatectl set-ntp true)';
  if (Math.abs(aheadMs) >= harmfulMs) return failure(skew, fix);
  if (Math.abs(aheadMs) >= negligibleMs) return warning(skew, fix);
  return ok(`this machine and ${server} agree within ${negligibleMs / 1000} s`);
}
