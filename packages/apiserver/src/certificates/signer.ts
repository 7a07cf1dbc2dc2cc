/**
 * The signer `kubernetes.io/kube-apiserver-client`: issues what was approved, says Failed when it may not, and clears
 * old requests away. The plan is pure. k8s pkg/controller/certificates; apiserver.md 5.3.
 */
import { formatTime, hasReason, type KubeObject, parseTime } from '@flotilla/api';
import {
  type CertificateAuthority,
  type Controller,
  createController,
  createInformer,
  dropManagedFields,
  type Env,
  type Informer,
  issueCertificate,
  type KubeClient,
  PkiError,
  wellKnown,
} from '@flotilla/kube';
import type { CertificateRules } from '../authentication/certificate-rules.js';
import { type Csr, kubeClientSigner, readRequest } from './csr.js';

export type SigningPlan =
  | { readonly action: 'none'; readonly recheckAfterMs?: number }
  | { readonly action: 'delete' }
  | { readonly action: 'fail'; readonly message: string }
  | { readonly action: 'issue'; readonly notBeforeMs: number; readonly notAfterMs: number };

const hourMs = 3_600_000;
/** A request may ask for less. */
export const defaultSigningLifeMs = 365 * 24 * hourMs;
const backdateMs = 5 * 60_000;
const refusedRetryMs = 5000;
/** Who starts with the server, as the hub does, reads what was issued before requests are cleared away, however long all stood still. */
const keptAfterStartMs = 10 * 60_000;
const decisions = new Set(['Approved', 'Denied', 'Failed']);
const allowedUsages = new Set(['digital signature', 'key encipherment', 'client auth']);

export interface SigningTimes {
  readonly nowMs: number;
  /** How long this process has been at it, by the monotonic clock. */
  readonly upMs: number;
  readonly longestLifeMs?: number | undefined;
}

export function planSigning(
  csr: Csr,
  { nowMs, upMs, longestLifeMs = defaultSigningLifeMs }: SigningTimes,
): SigningPlan {
  const types = new Set((csr.status?.conditions ?? []).map(({ type }) => type));
  const isWaiting =
    csr.spec.signerName === kubeClientSigner &&
    types.has('Approved') &&
    !types.has('Denied') &&
    !types.has('Failed') &&
    !csr.status?.certificate;
  if (!isWaiting) {
    const leftMs = Math.max(endOfUse(csr, nowMs) - nowMs, keptAfterStartMs - upMs);
    return leftMs <= 0 ? { action: 'delete' } : { action: 'none', recheckAfterMs: leftMs };
  }
  const usages = csr.spec.usages ?? [];
  const foreign = usages.find((usage) => !allowedUsages.has(usage));
  if (foreign !== undefined)
    return { action: 'fail', message: `usage ${JSON.stringify(foreign)} is not allowed by this signer` };
  if (!usages.includes('client auth'))
    return { action: 'fail', message: 'the usage "client auth" is required by this signer' };
  const life = Math.min((csr.spec.expirationSeconds ?? longestLifeMs / 1000) * 1000, longestLifeMs);
  return { action: 'issue', notBeforeMs: nowMs - backdateMs, notAfterMs: nowMs + life };
}

/**
 * What is kept in memory: of a request that has its certificate only what says when it may go. All those of an hour are
 * kept, and a fleet that joins has one for each cluster.
 */
export function remembered(object: KubeObject): KubeObject {
  const { apiVersion, kind, metadata, status } = object as Csr; // the informer's kind
  if (!status?.certificate) return dropManagedFields(object);
  const { name = '', uid = '', resourceVersion = '', creationTimestamp = '' } = metadata;
  const conditions = (status.conditions ?? []).map(({ type, lastUpdateTime, lastTransitionTime }) => ({
    type,
    lastUpdateTime,
    lastTransitionTime,
  }));
  const kept = { name, uid, resourceVersion, creationTimestamp };
  return { apiVersion, kind, metadata: kept, spec: {}, status: { conditions, certificate: 'issued' } };
}

/** When a request may be cleared away: an hour after it was decided, a day after it was made if nobody did. */
function endOfUse({ metadata, status }: Csr, nowMs: number): number {
  const now = formatTime(nowMs);
  const decided = (status?.conditions ?? [])
    .filter(({ type }) => decisions.has(type))
    .map(({ lastUpdateTime, lastTransitionTime }) => parseTime(lastUpdateTime ?? lastTransitionTime ?? now));
  if (decided.length > 0) return Math.max(...decided) + hourMs;
  return parseTime(metadata.creationTimestamp ?? now) + 24 * hourMs;
}

export interface SignerOptions {
  readonly client: KubeClient;
  readonly env: Env;
  readonly ca: CertificateAuthority;
  /** Milliseconds; default a year. */
  readonly longestLifeMs?: number | undefined;
  /** What they refuse is not issued until they do not: a clock that was set back would date it before a revocation. */
  readonly rules?: CertificateRules | undefined;
}

export interface CsrSigner {
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

export function createCsrSigner(options: SignerOptions): CsrSigner {
  const { client, env } = options;
  const informer = createInformer<KubeObject>(client, wellKnown.certificateSigningRequests, {
    env,
    transform: remembered,
  });
  const startedMs = env.clock.monotonicMs();
  const controller = createController({
    name: 'csr-signer',
    env,
    concurrency: 4,
    reconcile: (name) => {
      const csr = informer.cache.get(name) as Csr | undefined; // the informer's kind
      return reconcile(options, { csr, upMs: env.clock.monotonicMs() - startedMs });
    },
  });
  informer.onChange(({ object }) => controller.enqueue(object.metadata.name ?? ''));
  return {
    start: (signal) => {
      informer.start(signal);
      controller.start(signal);
    },
    close: async () => closeAll(controller, informer),
  };
}

async function closeAll(controller: Controller, informer: Informer<KubeObject>): Promise<void> {
  await controller.close();
  await informer.close();
}

async function reconcile(
  options: SignerOptions,
  { csr, upMs }: { csr: Csr | undefined; upMs: number },
): Promise<{ requeueAfterMs: number } | undefined> {
  if (csr === undefined) return undefined;
  const nowMs = options.env.clock.now();
  const plan = planSigning(csr, { nowMs, upMs, longestLifeMs: options.longestLifeMs });
  const name = csr.metadata.name ?? '';
  switch (plan.action) {
    case 'none':
      return plan.recheckAfterMs === undefined ? undefined : { requeueAfterMs: plan.recheckAfterMs };
    case 'delete':
      await deleteOld(options.client, csr);
      return undefined;
    case 'fail':
      await writeStatus(options, failed(csr, plan.message, nowMs));
      options.env.log.warn('certificate refused', { csr: name, why: plan.message });
      return undefined;
    case 'issue': {
      const why = refusal(options, csr, plan.notBeforeMs);
      if (why !== undefined) {
        options.env.log.warn('certificate not issued yet: it would be refused', { csr: name, why });
        return { requeueAfterMs: refusedRetryMs };
      }
      await writeStatus(options, issued(options, csr, plan));
      options.env.log.info('certificate issued', { csr: name, requester: csr.spec.username });
      return undefined;
    }
  }
}

/** Of a request that cannot be read there is none: issuing says what is wrong with it. */
function refusal({ rules }: SignerOptions, csr: Csr, notBeforeMs: number): string | undefined {
  if (rules?.refuses === undefined) return undefined;
  try {
    const { publicKeyHash, ...subject } = readRequest(csr);
    return rules.refuses({ subject, publicKeyHash, notBeforeMs });
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}

function issued(
  { ca, env }: SignerOptions,
  csr: Csr,
  plan: { notBeforeMs: number; notAfterMs: number },
): Csr {
  try {
    const request = readRequest(csr);
    const pem = issueCertificate({
      ca,
      publicKeyDer: request.publicKeyDer,
      subject: {
        commonName: request.commonName,
        organizations: request.organizations,
        organizationalUnits: request.organizationalUnits,
      },
      notBeforeMs: plan.notBeforeMs,
      notAfterMs: plan.notAfterMs,
      usages: csr.spec.usages ?? [],
      random: env.random,
    });
    return { ...csr, status: { ...csr.status, certificate: Buffer.from(pem).toString('base64') } };
  } catch (error) {
    if (error instanceof PkiError) return failed(csr, error.message, env.clock.now());
    throw error;
  }
}

function failed(csr: Csr, message: string, nowMs: number): Csr {
  const time = formatTime(nowMs);
  const condition = {
    type: 'Failed',
    status: 'True',
    reason: 'SignerValidationFailure',
    message,
    lastUpdateTime: time,
    lastTransitionTime: time,
  };
  return { ...csr, status: { ...csr.status, conditions: [...(csr.status?.conditions ?? []), condition] } };
}

async function writeStatus({ client }: SignerOptions, csr: Csr): Promise<void> {
  await client.update(wellKnown.certificateSigningRequests, csr, { subresource: 'status' });
}

async function deleteOld(client: KubeClient, csr: Csr): Promise<void> {
  const { name = '', uid } = csr.metadata;
  try {
    await client.delete(
      wellKnown.certificateSigningRequests,
      { name },
      { ...(uid !== undefined && { preconditions: { uid } }) },
    );
  } catch (error) {
    if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
  }
}
