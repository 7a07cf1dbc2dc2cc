/**
 * Renews the agent's client certificate in the last fifth of its life, with a fresh key and the identity it has, and
 * hands the new pair to whoever holds the connection. registration.md 2.1. When a renewal is lost, it asks again.
 */
import type { ManagedCluster } from '@flotilla/api';
import {
  type Controller,
  createController,
  type Env,
  type Informer,
  type KubeClient,
  parseCertificate,
} from '@flotilla/kube';
import { isDenied } from './bootstrap.js';
import { isExpired, requestRenewal } from './renewal.js';
import type { HubCredentials, KlusterletState } from './state.js';

export interface RotationOptions {
  readonly clusterName: string;
  readonly agentId: string;
  readonly clientCertExpirationSeconds?: number | undefined;
  readonly hub: KubeClient;
  readonly env: Env;
  /** By which the certificate's life is judged. */
  readonly hubClock: { now(): number };
  /** This cluster's own object on the hub: a denied cluster gets no certificate, and need not ask. */
  readonly cluster: Informer<ManagedCluster>;
  readonly credentials: () => HubCredentials;
  readonly state: KlusterletState;
  /** Must have saved them when it resolves. */
  readonly onRotated: (credentials: HubCredentials) => Promise<void>;
  /** The hub has a newer authority than the one that has issued the certificate. */
  readonly isOutdated: () => boolean;
  /** Told of a renewal that failed; it is tried again. */
  readonly onFailed: (why: string) => void;
  /** The hub does not believe the certificate although its time is not over. */
  readonly isRefused: () => boolean;
  /** For a certificate that has expired or is refused; resolves when there is another, or the signal aborts. */
  readonly recover: (signal: AbortSignal) => Promise<void>;
}

/** Longest that one timer waits: a certificate's life can be longer than what timers take. */
const longestWaitMs = 24 * 3_600_000;
const answerTimeoutMs = 5 * 60_000;
const deniedRetryMs = 60_000;
/** A fleet that hears of another authority at once does not ask at once. */
const outdatedSpreadMs = 5000;
/** Until the hub is asked again that has issued by its old authority. */
const outdatedRetryMs = 60_000;

/**
 * When to renew: at random in the last 20 to 25 % of the certificate's life, which begins when it was received where
 * that is known: signers date certificates back, by more than short ones live.
 */
export function renewalTimeMs(
  certificatePem: string,
  { random, receivedAtMs }: { random: number; receivedAtMs?: number | undefined },
): number {
  const { notBeforeMs, notAfterMs } = parseCertificate(certificatePem);
  const fromMs = Math.max(notBeforeMs, Math.min(receivedAtMs ?? notBeforeMs, notAfterMs));
  return Math.ceil(notAfterMs - (notAfterMs - fromMs) * (0.2 + 0.2 * 0.25 * random));
}

export function createCertificateRotation(options: RotationOptions): Controller {
  const { env, hub, hubClock, clusterName } = options;
  let renewAtMs: number | undefined;
  let outdatedAtMs: number | undefined;
  let receivedAtMs: number | undefined;
  return createController({
    name: 'certificate-rotation',
    env,
    maxDelayMs: 60_000,
    reconcile: async (_key, { signal }) => {
      if (options.isRefused() || isExpired(options.credentials(), hubClock)) {
        // The hub that denied it long ago may think otherwise now, and does not tell an agent that it does not know.
        await options.recover(signal);
        renewAtMs = undefined;
        receivedAtMs = hubClock.now();
        return { requeueAfterMs: 0 };
      }
      renewAtMs ??= renewalTimeMs(options.credentials().certificatePem, {
        random: env.random.next(),
        receivedAtMs,
      });
      outdatedAtMs = options.isOutdated()
        ? (outdatedAtMs ?? hubClock.now() + outdatedSpreadMs * env.random.next())
        : undefined;
      const waitMs = Math.min(renewAtMs, outdatedAtMs ?? renewAtMs) - hubClock.now();
      if (waitMs > 0) return { requeueAfterMs: Math.min(waitMs, longestWaitMs) };
      const own = options.cluster.cache.get(clusterName);
      if (own !== undefined && isDenied(own)) {
        env.log.warn('certificate not renewed: the hub has denied this cluster', { cluster: clusterName });
        return { requeueAfterMs: deniedRetryMs };
      }
      const limit = AbortSignal.any([signal, timeoutSignal(env, answerTimeoutMs)]);
      let credentials: HubCredentials;
      try {
        credentials = await requestRenewal(hub, { ...options, signal: limit });
      } catch (error) {
        if (!signal.aborted) options.onFailed(error instanceof Error ? error.message : String(error));
        throw error;
      }
      await options.onRotated(credentials);
      renewAtMs = undefined;
      receivedAtMs = hubClock.now();
      if (outdatedAtMs !== undefined) outdatedAtMs = hubClock.now() + outdatedRetryMs;
      env.log.info('certificate renewed', {
        notAfter: new Date(parseCertificate(credentials.certificatePem).notAfterMs).toISOString(),
      });
      return { requeueAfterMs: 0 };
    },
  });
}

function timeoutSignal(env: Env, delayMs: number): AbortSignal {
  const abort = new AbortController();
  env.clock.setTimer(delayMs, () => abort.abort(new Error('the hub did not answer the renewal in time')));
  return abort.signal;
}
