/**
 * New credentials for an agent that the hub does not know by those it has: its certificate has expired, or was lost. The
 * expired certificate itself asks for the next one, which a Flotilla hub grants while it accepts the cluster; else the
 * token that is left does, as at the first join. It tries until it succeeds; meanwhile works are enforced from their
 * saved copy, and log and `klusterlet status` say what is the matter.
 */
import { formatTime, hasReason, StatusError } from '@flotilla/api';
import { createBackoff, type Env, type KubeClient, sleep, wellKnown } from '@flotilla/kube';
import type { HubCredentials, KlusterletState } from './state.js';

/**
 * The hub's words when it does not believe a certificate that is in time by this machine's clock: it is revoked, its
 * authority is gone, or it has expired by the clock of the hub. Undefined: the failure is another.
 */
export function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof StatusError)) return undefined;
  if (error.code === 401) return error.message.replace(/^Unauthorized: /, '');
  const isExpiredThere = error.code === 403 && error.message.includes('"flotilla:expired-agent:');
  return isExpiredThere ? 'by its clock the certificate has expired' : undefined;
}

/** @throws StatusError when the hub does not know who asks; that it does not let them read is no proof of that. */
export async function proveKnown(hub: KubeClient, clusterName: string): Promise<void> {
  try {
    await hub.get(wellKnown.managedClusters, { name: clusterName });
  } catch (error) {
    if (refusalOf(error) !== undefined || !hasReason(error, 'Forbidden', 'NotFound')) throw error;
  }
}

/** One way to new credentials. */
export interface Remedy {
  /** For messages: by what the hub is asked. */
  readonly name: string;
  /** Undefined: there is nothing to ask with. @throws what the hub or the way to it answers. */
  attempt(): Promise<HubCredentials | undefined>;
}

export interface RecoveryOptions {
  readonly env: Env;
  readonly state: KlusterletState;
  /** Tried in this order, each time. */
  readonly remedies: readonly Remedy[];
  /** Why recovery is needed: the beginning of a sentence. */
  readonly problem: string;
  /** What a person can do when no remedy is left. */
  readonly advice: string;
  readonly signal: AbortSignal;
}

const maxDelayMs = 60_000;

/** Undefined when the signal aborts first. */
export async function recoverCredentials(options: RecoveryOptions): Promise<HubCredentials | undefined> {
  const { env, state, signal } = options;
  const backoff = createBackoff({ ...env, initialMs: 500, maxMs: maxDelayMs });
  const since = (await state.readProblem())?.since ?? formatTime(env.clock.now());
  let told: string | undefined;
  while (!signal.aborted) {
    const reasons: string[] = [];
    for (const remedy of options.remedies) {
      const credentials = await tried(remedy, reasons, signal);
      if (signal.aborted) return undefined;
      if (credentials === undefined) continue;
      env.log.info('the hub knows this agent again', { by: remedy.name });
      return credentials;
    }
    const why = `${options.problem}; ${reasons.length > 0 ? reasons.join('; ') : options.advice}`;
    // Said once for each reason: the same words every minute help nobody.
    if (why !== told) {
      env.log.error('not known to the hub; saved works go on being enforced', { why });
      await state.writeProblem({ since, why });
      told = why;
    }
    await sleep(env.clock, backoff.nextMs(), signal).catch(() => undefined); // only an abort, which ends the loop
  }
  return undefined;
}

async function tried(
  remedy: Remedy,
  reasons: string[],
  signal: AbortSignal,
): Promise<HubCredentials | undefined> {
  try {
    return await remedy.attempt();
  } catch (error) {
    if (!signal.aborted)
      reasons.push(`${remedy.name}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
