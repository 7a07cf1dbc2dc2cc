/**
 * Renews the agent's client certificate in the last fifth of its life, with a fresh key and the identity it has, and
 * hands the new pair to whoever holds the connection. registration.md 2.1. When a renewal is lost, it asks again.
 */
import { type KubeObject, klusterletFieldManager, type ManagedCluster } from '@flotilla/api';
import {
  type Controller,
  createController,
  type Env,
  generateKeyPair,
  type Informer,
  type KubeClient,
  parseCertificate,
  wellKnown,
} from '@flotilla/kube';
import { agentCsr, isDenied, waitForCertificate } from './bootstrap.js';
import type { HubCredentials } from './state.js';

export interface RotationOptions {
  readonly clusterName: string;
  readonly agentId: string;
  readonly hub: KubeClient;
  readonly env: Env;
  /** This cluster's own object on the hub: a denied cluster gets no certificate, and need not ask. */
  readonly cluster: Informer<ManagedCluster>;
  readonly credentials: () => HubCredentials;
  /** Must have saved them when it resolves. */
  readonly onRotated: (credentials: HubCredentials) => Promise<void>;
}

/** Longest that one timer waits: a certificate's life can be longer than what timers take. */
const longestWaitMs = 24 * 3_600_000;
const answerTimeoutMs = 5 * 60_000;
const deniedRetryMs = 60_000;

/** When to renew: at random in the last 20 to 25 % of the certificate's life. */
export function renewalTimeMs(certificatePem: string, random: number): number {
  const { notBeforeMs, notAfterMs } = parseCertificate(certificatePem);
  return notAfterMs - (notAfterMs - notBeforeMs) * (0.2 + 0.2 * 0.25 * random);
}

export function createCertificateRotation(options: RotationOptions): Controller {
  const { env, hub, clusterName, agentId } = options;
  let renewAtMs: number | undefined;
  return createController({
    name: 'certificate-rotation',
    env,
    maxDelayMs: 60_000,
    reconcile: async (_key, { signal }) => {
      renewAtMs ??= renewalTimeMs(options.credentials().certificatePem, env.random.next());
      const waitMs = renewAtMs - env.clock.now();
      if (waitMs > 0) return { requeueAfterMs: Math.min(waitMs, longestWaitMs) };
      const own = options.cluster.cache.get(clusterName);
      if (own !== undefined && isDenied(own)) {
        env.log.warn('certificate not renewed: the hub has denied this cluster', { cluster: clusterName });
        return { requeueAfterMs: deniedRetryMs };
      }
      const { privateKeyPem } = generateKeyPair();
      const csr = await hub.create<KubeObject>(
        wellKnown.certificateSigningRequests,
        agentCsr({ clusterName, agentId, privateKeyPem }),
        { fieldManager: klusterletFieldManager },
      );
      env.log.info('certificate renewal asked', { csr: csr.metadata.name });
      const limit = AbortSignal.any([signal, timeoutSignal(env, answerTimeoutMs)]);
      const certificatePem = await waitForCertificate(hub, csr.metadata.name ?? '', { env, signal: limit });
      await options.onRotated({ certificatePem, privateKeyPem });
      renewAtMs = undefined;
      env.log.info('certificate renewed', {
        notAfter: new Date(parseCertificate(certificatePem).notAfterMs).toISOString(),
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
