/**
 * The bootstrap phase: with a token, ask the hub to know this cluster (ManagedCluster) and this agent (CSR), and
 * wait until an operator has let both in. Steps and CSR form as OCM's registration agent (registration.md 1.3, 1.4);
 * the key of a waiting request is saved, so that a restart goes on with the same request.
 */
import {
  agentAnnotationPrefix,
  agentGroups,
  agentUserName,
  clusterCondition,
  clusterNameLabel,
  findCondition,
  hasReason,
  type KubeObject,
  keyFingerprint,
  klusterletFieldManager,
  kubeClientSigner,
  type ManagedCluster,
  StatusError,
} from '@flotilla/api';
import {
  createCertificateRequest,
  type Env,
  generateKeyPair,
  type KubeClient,
  publicKeyHashOf,
  sleep,
  TransportError,
  wellKnown,
} from '@flotilla/kube';
import type { HubCredentials, KlusterletState, PendingRequest } from './state.js';

export interface BootstrapOptions {
  readonly clusterName: string;
  readonly agentId: string;
  /** How others reach the managed cluster's API; goes to spec.managedClusterClientConfigs. */
  readonly clientConfigs: readonly { readonly url: string; readonly caBundle?: string }[];
  /** For the ManagedCluster; keys of another prefix than the agent's are left out. */
  readonly clusterAnnotations: Readonly<Record<string, string>>;
  /** Undefined: as long as the hub gives. */
  readonly clientCertExpirationSeconds?: number | undefined;
  readonly state: KlusterletState;
  readonly env: Env;
  readonly signal: AbortSignal;
  /** Told once for each thing that the user may want to know. */
  readonly onProgress: (text: string) => void;
}

/** Rejoining after it was shut out, a cluster waits for the same command as a new one. */
const deniedNote = (name: string): string =>
  `the hub has denied the cluster ${name}: its certificate request stays unanswered until "hub approve ${name}" there`;

/** How often an unanswered request is looked at when no watch is to be had, and how long errors wait. */
const pollMs = 1000;

/** The operator has said no. */
export class DeniedError extends Error {
  override readonly name = 'DeniedError';
}

/**
 * @throws StatusError when the hub refuses for good (401, 403, 422), DeniedError, TransportError on the first
 * contact; later losses of the hub are waited out.
 */
export async function bootstrap(hub: KubeClient, options: BootstrapOptions): Promise<HubCredentials> {
  await ensureManagedCluster(hub, options);
  const pending = (await livePending(hub, options)) ?? (await createRequest(hub, options));
  options.onProgress(
    `the key of this klusterlet is ${keyFingerprint(publicKeyHashOf(pending.privateKeyPem))} ("hub csr list" has to show the same)`,
  );
  options.onProgress(
    `waiting for the hub to accept: run "hub approve ${options.clusterName}" there (certificate request ${pending.csrName})`,
  );
  const certificatePem = await waitForCertificate(hub, pending.csrName, options);
  return { certificatePem, privateKeyPem: pending.privateKeyPem };
}

async function ensureManagedCluster(hub: KubeClient, options: BootstrapOptions): Promise<void> {
  const name = options.clusterName;
  try {
    const known = await hub.get<ManagedCluster>(wellKnown.managedClusters, { name });
    if (isDenied(known)) options.onProgress(deniedNote(name));
    return;
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
  const cluster: ManagedCluster = {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name, ...annotationsOf(options) },
    spec: {
      hubAcceptsClient: false,
      leaseDurationSeconds: 60,
      managedClusterClientConfigs: options.clientConfigs.map((config) => ({ ...config })),
    },
  };
  try {
    await hub.create(wellKnown.managedClusters, cluster, { fieldManager: klusterletFieldManager });
    options.onProgress(`asked the hub to know the cluster ${name}`);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
}

function annotationsOf({ clusterAnnotations }: BootstrapOptions): { annotations?: Record<string, string> } {
  const own = Object.entries(clusterAnnotations).filter(([key]) => key.startsWith(agentAnnotationPrefix));
  return own.length === 0 ? {} : { annotations: Object.fromEntries(own) };
}

/** An operator took the cluster's acceptance back. A cluster that was never accepted is not denied. */
export function isDenied(cluster: ManagedCluster): boolean {
  return findCondition(cluster.status?.conditions, clusterCondition.hubAccepted)?.status === 'False';
}

/** The saved request, if the hub still has it. */
async function livePending(
  hub: KubeClient,
  { state }: BootstrapOptions,
): Promise<PendingRequest | undefined> {
  const pending = await state.readPending();
  if (pending === undefined) return undefined;
  try {
    await hub.get(wellKnown.certificateSigningRequests, { name: pending.csrName });
    return pending;
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
    await state.forgetPending();
    return undefined;
  }
}

/** The body of an agent's CertificateSigningRequest. */
export function agentCsr(options: {
  clusterName: string;
  agentId: string;
  privateKeyPem: string;
  clientCertExpirationSeconds?: number | undefined;
}): KubeObject {
  const { clusterName, agentId, privateKeyPem, clientCertExpirationSeconds } = options;
  const pem = createCertificateRequest({
    privateKeyPem,
    commonName: agentUserName(clusterName, agentId),
    organizations: agentGroups(clusterName),
  });
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: `${clusterName}-`, labels: { [clusterNameLabel]: clusterName } },
    spec: {
      signerName: kubeClientSigner,
      usages: ['digital signature', 'key encipherment', 'client auth'],
      request: Buffer.from(pem).toString('base64'),
      ...(clientCertExpirationSeconds !== undefined && { expirationSeconds: clientCertExpirationSeconds }),
    },
  };
}

async function createRequest(hub: KubeClient, options: BootstrapOptions): Promise<PendingRequest> {
  const { privateKeyPem } = generateKeyPair();
  const created = await hub.create<KubeObject>(
    wellKnown.certificateSigningRequests,
    agentCsr({ ...options, privateKeyPem }),
    { fieldManager: klusterletFieldManager },
  );
  const pending = { csrName: created.metadata.name ?? '', privateKeyPem };
  await options.state.writePending(pending);
  return pending;
}

interface CsrStatus {
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly message?: string;
  }[];
  readonly certificate?: string;
}

/** Watches one request until it has a certificate; goes on through losses of the hub. */
export async function waitForCertificate(
  hub: KubeClient,
  csrName: string,
  { env, signal }: Pick<BootstrapOptions, 'env' | 'signal'>,
): Promise<string> {
  for (;;) {
    signal.throwIfAborted();
    try {
      const csr = await hub.get<KubeObject>(
        wellKnown.certificateSigningRequests,
        { name: csrName },
        { signal },
      );
      const answer = certificateOf(csr);
      if (answer !== undefined) return answer;
      const watched = await watchForCertificate(hub, { csr, signal });
      if (watched !== undefined) return watched;
    } catch (error) {
      if (isFinal(error)) throw error;
      if (hasReason(error, 'NotFound')) throw new DeniedError(removedNote(csrName));
      env.log.debug('waiting for the certificate', { error: String(error) });
    }
    await sleep(env.clock, pollMs, signal);
  }
}

function removedNote(csrName: string): string {
  return `the certificate request ${csrName} was removed on the hub`;
}

async function watchForCertificate(
  hub: KubeClient,
  { csr, signal }: { csr: KubeObject; signal: AbortSignal },
): Promise<string | undefined> {
  const { name = '', resourceVersion = '' } = csr.metadata;
  const events = hub.watch<KubeObject>(wellKnown.certificateSigningRequests, {
    fieldSelector: `metadata.name=${name}`,
    resourceVersion,
    timeoutSeconds: 300,
    signal,
  });
  for await (const event of events) {
    if (event.type === 'DELETED') throw new DeniedError(removedNote(name));
    if (event.type === 'BOOKMARK') continue;
    const answer = certificateOf(event.object);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function certificateOf(csr: KubeObject): string | undefined {
  const status = (csr['status'] ?? {}) as CsrStatus; // certificates.k8s.io/v1
  const no = status.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
  if (no !== undefined) {
    const name = csr.metadata.name ?? '';
    throw new DeniedError(
      `the hub refused the certificate request ${name} (${no.type}): ${no.message ?? 'no reason given'}`,
    );
  }
  return status.certificate ? Buffer.from(status.certificate, 'base64').toString('utf8') : undefined;
}

/** Errors that waiting does not mend. */
export function isFinal(error: unknown): boolean {
  if (error instanceof DeniedError) return true;
  if (error instanceof StatusError) return [400, 401, 403, 422].includes(error.code);
  return !(error instanceof TransportError) && error instanceof TypeError;
}
