/** Waiting for a server that is away: tries with growing delays, and says each time what is missing. */
import { createBackoff, type Env, sleep } from '@flotilla/kube';

/** Tries until it succeeds or fails for good; undefined when the signal aborts first. */
export async function patiently<T>(
  options: {
    env: Env;
    signal: AbortSignal;
    what: string;
    isFinal?: (error: unknown) => boolean;
  },
  attempt: () => Promise<T>,
): Promise<T | undefined> {
  const { env, signal, what, isFinal } = options;
  const backoff = createBackoff({ ...env, initialMs: 500, maxMs: 15_000 });
  while (!signal.aborted) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) break;
      if (isFinal?.(error) === true) throw error;
      env.log.warn(what, { error: error instanceof Error ? error.message : String(error) });
      await sleep(env.clock, backoff.nextMs(), signal).catch(() => undefined); // only an abort, which ends the loop
    }
  }
  return undefined;
}
