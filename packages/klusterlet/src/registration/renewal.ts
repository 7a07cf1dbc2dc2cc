/**
 * Asks the hub for the next certificate of an identity that it knows. The new key is saved before the hub hears of it,
 * and then beside the request's name: an agent that was stopped in between goes on with the same request, and one whose
 * answers are lost asks again with the same key. The hub remembers only a few keys: new ones that nobody has would make
 * it forget the one that is in use. Called by rotation and by recovery.
 */
import { hasReason, type KubeObject, klusterletFieldManager } from '@flotilla/api';
import { type Env, generateKeyPair, type KubeClient, parseCertificate, wellKnown } from '@flotilla/kube';
import { agentCsr, DeniedError, waitForCertificate } from './bootstrap.js';
import type { HubCredentials, KlusterletState, PendingRequest } from './state.js';

export interface RenewalOptions {
  readonly clusterName: string;
  readonly agentId: string;
  readonly clientCertExpirationSeconds?: number | undefined;
  readonly state: KlusterletState;
  readonly env: Env;
  readonly signal: AbortSignal;
}

/** By the given clock: the hub's, where it can be known. */
export function isExpired({ certificatePem }: HubCredentials, clock: { now(): number }): boolean {
  return parseCertificate(certificatePem).notAfterMs <= clock.now();
}

/** @throws StatusError when the hub refuses, DeniedError, TransportError, or the signal's reason. */
export async function requestRenewal(hub: KubeClient, options: RenewalOptions): Promise<HubCredentials> {
  const { state, env, signal } = options;
  const pending = (await livePending(hub, options)) ?? (await createRequest(hub, options));
  env.log.info('certificate renewal asked', { csr: pending.csrName });
  try {
    const certificatePem = await waitForCertificate(hub, pending.csrName, { env, signal });
    return { certificatePem, privateKeyPem: pending.privateKeyPem };
  } catch (error) {
    if (error instanceof DeniedError) await state.forgetRenewal(); // the next attempt asks anew
    throw error;
  }
}

async function livePending(hub: KubeClient, { state }: RenewalOptions): Promise<PendingRequest | undefined> {
  const pending = await state.readRenewal();
  if (pending === undefined || pending.csrName === '') return undefined;
  try {
    await hub.get(wellKnown.certificateSigningRequests, { name: pending.csrName });
    return pending;
  } catch (error) {
    // 403: the hub knows a request of that name, and it is not ours.
    if (!hasReason(error, 'NotFound', 'Forbidden')) throw error;
    await state.forgetRenewal();
    return undefined;
  }
}

async function createRequest(hub: KubeClient, options: RenewalOptions): Promise<PendingRequest> {
  const { state } = options;
  const privateKeyPem = (await state.readRenewal())?.privateKeyPem ?? generateKeyPair().privateKeyPem;
  await state.writeRenewal({ csrName: '', privateKeyPem });
  const created = await hub.create<KubeObject>(
    wellKnown.certificateSigningRequests,
    agentCsr({ ...options, privateKeyPem }),
    { fieldManager: klusterletFieldManager },
  );
  const pending = { csrName: created.metadata.name ?? '', privateKeyPem };
  await state.writeRenewal(pending);
  return pending;
}
