/**
 * The keys and certificates of a running server, as of now: what ends soon is made again in time, and what the roll of
 * the authority has changed is taken over. Whoever uses them listens. Called by `run-server.ts` only.
 */
import { type Env, parseCertificate } from '@flotilla/kube';
import { leafRenewalMs, type ServerPki } from '../server/server-pki.js';

export interface LivePki {
  readonly current: ServerPki;
  /** Called after each change, with what was before. */
  onChange(fn: (before: ServerPki) => void): void;
  /** Looks at the directory, makes what is due, and tells. @throws Error when a file cannot be read or written */
  refresh(): Promise<void>;
}

export interface LivePkiOptions {
  readonly env: Pick<Env, 'clock' | 'log'>;
  /** What the directory holds, after what was due has been made. */
  readonly load: () => Promise<ServerPki>;
  /** Ends the looking. */
  readonly signal: AbortSignal;
}

const longestWaitMs = 12 * 3_600_000;
const shortestWaitMs = 1000;
const longestRetryMs = 60_000;

export async function createLivePki({ env, load, signal }: LivePkiOptions): Promise<LivePki> {
  let current = await load();
  const listeners: ((before: ServerPki) => void)[] = [];
  let last: Promise<void> = Promise.resolve();

  const look = async (): Promise<void> => {
    const before = current;
    const found = await load();
    if (signal.aborted || isSame(before, found)) return;
    current = found;
    env.log.info('certificates of the server changed', { authorities: found.phase });
    for (const listener of listeners) listener(before);
  };
  // One after another: two that make the same certificate would mix their files.
  const refresh = (): Promise<void> => {
    const run = last.then(look);
    last = run.catch(() => undefined); // told to who asked
    return run;
  };
  const arm = (waitMs: number): void => {
    if (signal.aborted) return;
    const timer = env.clock.setTimer(waitMs, () => {
      refresh().then(
        () => arm(untilDueMs(current, env)),
        (error: unknown) => {
          env.log.error('the certificates of the server could not be renewed', { error: String(error) });
          arm(untilRetryMs(current, env));
        },
      );
    });
    signal.addEventListener('abort', () => timer.cancel(), { once: true });
  };
  arm(untilDueMs(current, env));
  return {
    get current() {
      return current;
    },
    onChange: (fn) => void listeners.push(fn),
    refresh,
  };
}

function untilDueMs(
  { servingCertificate, adminCertificate }: ServerPki,
  { clock }: Pick<Env, 'clock'>,
): number {
  const dueMs = Math.min(leafRenewalMs(servingCertificate), leafRenewalMs(adminCertificate));
  return Math.min(Math.max(dueMs - clock.now(), shortestWaitMs), longestWaitMs);
}

/** A tenth of what is left, or of what is over: often enough for certificates of seconds, and no flood of complaints. */
function untilRetryMs(
  { servingCertificate, adminCertificate }: ServerPki,
  { clock }: Pick<Env, 'clock'>,
): number {
  const ends = [servingCertificate, adminCertificate].map((pem) => parseCertificate(pem).notAfterMs);
  const leftMs = Math.abs(Math.min(...ends) - clock.now());
  return Math.min(Math.max(leftMs / 10, shortestWaitMs), longestRetryMs);
}

function isSame(one: ServerPki, other: ServerPki): boolean {
  return (
    one.servingCertificate === other.servingCertificate &&
    one.adminCertificate === other.adminCertificate &&
    one.trusted === other.trusted &&
    one.ca.certificatePem === other.ca.certificatePem
  );
}
