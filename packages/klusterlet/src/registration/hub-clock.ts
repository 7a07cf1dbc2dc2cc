/**
 * The hub's clock as an agent can know it: every answer of the hub tells its time (Date, RFC 9110 6.6.1). Certificates are
 * the hub's, and so it is the hub's time that says whether one has ended; a machine whose clock is wrong goes on.
 */
import type { Clock, Env, Transport } from '@flotilla/kube';

export interface HubClock {
  /** Milliseconds since the epoch, by the hub's clock; by this machine's until the hub has answered. */
  now(): number;
  /** By how much this machine's clock is ahead, in milliseconds; 0 within what can be measured. */
  readonly aheadMs: number;
  /** A transport whose answers are measured. */
  watching(transport: Transport): Transport;
}

/** The header has whole seconds, and an answer takes its time. */
const precisionMs = 2000;
/** What was under way for longer says too little. */
const longestExchangeMs = 10_000;
/** Differences that a user should hear of. */
const toldFromMs = 30_000;

export function createHubClock({
  clock,
  log,
}: {
  clock: Pick<Clock, 'now' | 'monotonicMs'>;
  log: Env['log'];
}): HubClock {
  let aheadMs = 0;
  let toldMs = 0;
  const measure = (date: string | undefined, tookMs: number): void => {
    const hubMs = Date.parse(date ?? '');
    if (!Number.isFinite(hubMs) || tookMs > longestExchangeMs) return;
    const ahead = clock.now() - tookMs / 2 - (hubMs + 500);
    aheadMs = Math.abs(ahead) <= precisionMs + tookMs / 2 ? 0 : Math.round(ahead);
    if (Math.abs(aheadMs - toldMs) < toldFromMs) return;
    toldMs = aheadMs;
    if (Math.abs(aheadMs) < toldFromMs) log.info('the clock agrees with that of the hub again');
    else log.warn('the clock differs from that of the hub', { aheadSeconds: Math.round(aheadMs / 1000) });
  };
  return {
    now: () => clock.now() - aheadMs,
    get aheadMs() {
      return aheadMs;
    },
    watching: (transport) => ({
      request: async (request) => {
        const beganMs = clock.monotonicMs();
        const response = await transport.request(request);
        measure(response.headers['date'], clock.monotonicMs() - beganMs);
        return response;
      },
      close: () => transport.close(),
    }),
  };
}
