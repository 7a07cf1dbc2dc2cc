/**
 * One klusterlet, put together: joins when it never has, then runs registration and the work agent.
 * The work agent starts at once from the saved works, whether or not the hub can be reached; everything that talks
 * to the hub waits for it.
 */
import { clusterCondition, isConditionTrue, type ManagedCluster } from '@flotilla/api';
import {
  createClient,
  createController,
  createInformer,
  createStopController,
  type Env,
  type KubeClient,
  onAbort,
  parseCertificate,
  spawn,
  type Transport,
  wellKnown,
} from '@flotilla/kube';
import {
  adopt,
  adoptAddresses,
  adoptAuthorities,
  type LiveConfig,
  savedCredentials,
} from './agent-credentials.js';
import { bootstrapToken, join, joinPatiently, needsToken } from './agent-join.js';
import { type HubAddress, hubAt, liveHubAt } from './hub-address.js';
import { patiently } from './patiently.js';
import { createAddonLeases } from './registration/addon-leases.js';
import { createCertificateRotation } from './registration/certificate-rotation.js';
import { createClusterAnnotations } from './registration/cluster-annotations.js';
import type { CertificateState } from './registration/cluster-status.js';
import { createHubAddressesFollower } from './registration/hub-addresses.js';
import { createHubAuthoritiesFollower, isOfOldAuthority } from './registration/hub-authorities.js';
import { createHubClock, type HubClock } from './registration/hub-clock.js';
import { createLateInformer } from './registration/late-informer.js';
import { createLeaseRenewer } from './registration/lease-renewer.js';
import { installManagedDefinitions } from './registration/managed-definitions.js';
import { managedNamespaceLabel } from './registration/managed-namespaces.js';
import { proveKnown, recoverCredentials, refusalOf } from './registration/recovery.js';
import { isExpired, requestRenewal } from './registration/renewal.js';
import { writeSecondCopy } from './registration/second-copy.js';
import type { AgentSettings } from './registration/settings.js';
import type { HubCredentials, KlusterletConfig, KlusterletState } from './registration/state.js';
import { createStatusController } from './registration/status-controller.js';
import type { WorkAgentOptions } from './work/options.js';
import { createWorkAgent } from './work/work-agent.js';

export interface AgentOptions extends AgentSettings {
  readonly env: Env;
  readonly state: KlusterletState;
  readonly config: KlusterletConfig;
  readonly managed: KubeClient;
  /** The managed cluster as others reach it, for the ManagedCluster's spec. */
  readonly clientConfigs: readonly { readonly url: string; readonly caBundle?: string }[];
  readonly dialHub: (address: HubAddress) => Transport;
  readonly onProgress: (text: string) => void;
  /** Told each time the hub's copy of the cluster says that it is available. */
  readonly onAvailable?: () => void;
  /** Of the work agent, in place of its defaults. */
  readonly work?: Partial<WorkAgentOptions>;
  /** For who chooses among several hubs. */
  readonly observer?: HubObserver;
}

/** What an agent learns of its hub. */
export interface HubObserver {
  /** The hub took a heartbeat. */
  onHeartbeat(): void;
  /** Whether the hub accepts the cluster. */
  onAcceptance(accepted: boolean): void;
}

/**
 * Runs until the signal aborts. An agent that has joined before runs on whatever becomes of its credentials; one that
 * has asked to join waits for a hub or a managed cluster that is away; at a first join the user is told at once.
 * @throws what bootstrap throws when the hub refuses an agent for good that has never joined.
 */
export async function runAgent(given: AgentOptions, signal: AbortSignal): Promise<void> {
  // The hub's authorities and addresses change while the agent runs: see `adoptAuthorities`.
  const hubClock = createHubClock(given.env);
  const options: RunningOptions = {
    ...given,
    hubClock,
    config: { ...given.config },
    dialHub: (address) => hubClock.watching(given.dialHub(address)),
  };
  const { state } = options;
  const isFirst = !(await state.isBound());
  if (isFirst) await installManagedDefinitions(options.managed, options.env);
  const holder: CredentialHolder = { current: await savedCredentials(options) };
  if (!(await state.hasJoined()) && holder.current === undefined) {
    const remedy = isFirst ? join(options, signal) : joinPatiently(options, signal);
    holder.current = await remedy;
    if (holder.current === undefined) throw signal.reason;
    await adopt(options, holder.current);
    options.onProgress(`joined the hub at ${options.config.hubServer} as ${options.config.clusterName}`);
  }
  const stop = createStopController();
  const unlisten = onAbort(signal, () => stop.abort(signal.reason));
  try {
    await runJoined(options, { holder, signal: stop.signal });
  } finally {
    unlisten();
    stop.abort(new Error('the agent has ended')); // one part failed: the others end with it
  }
}

interface RunningOptions extends AgentOptions {
  readonly hubClock: HubClock;
  readonly config: LiveConfig;
}

interface CredentialHolder {
  /** Undefined while there are none; expired ones stay until there are others. */
  current: HubCredentials | undefined;
  /** The hub's words when it refused a certificate that is in time: revoked, or of an authority that is gone. */
  refusal?: string | undefined;
}

async function runJoined(
  options: RunningOptions,
  { holder, signal }: { holder: CredentialHolder; signal: AbortSignal },
): Promise<void> {
  const { config } = options;
  const transport = options.dialHub({
    ...liveHubAt(config),
    credentials: () => holder.current,
  });
  try {
    const hub = createClient(transport, { userAgent: 'klusterlet' });
    await Promise.all([runRegistration(options, { hub, holder, signal }), runWork(options, { hub, signal })]);
  } finally {
    await transport.close();
  }
}

async function runWork(
  options: AgentOptions,
  { hub, signal }: { hub: KubeClient; signal: AbortSignal },
): Promise<void> {
  const { env, managed, config, state } = options;
  await patiently({ env, signal, what: 'managed cluster not ready' }, () =>
    installManagedDefinitions(managed, env),
  );
  if (signal.aborted) return;
  await createWorkAgent({
    env,
    hub,
    managed,
    clusterName: config.clusterName,
    agentId: config.agentId,
    hubServer: config.hubServer,
    worksDir: state.path('works'),
    ...(options.work && { options: options.work }),
  }).run(signal);
}

/** Until the hub knows this agent again, or the signal aborts. */
async function recover(
  options: RunningOptions,
  { holder, signal }: { holder: CredentialHolder; signal: AbortSignal },
): Promise<boolean> {
  const { env, state, config, hubClock } = options;
  const { current } = holder;
  const credentials = await recoverCredentials({
    env,
    state,
    signal,
    problem: problemOf(holder, hubClock),
    advice: needsToken(options),
    remedies: [
      {
        name: 'the certificate as it is',
        attempt: async () => {
          if (current === undefined) return undefined;
          try {
            await asHub(options, current, (hub) => proveKnown(hub, config.clusterName));
            return current;
          } catch (error) {
            // Asked although it seems to have ended: it may be this machine's clock that is wrong.
            if (isExpired(current, hubClock)) return undefined;
            throw error;
          }
        },
      },
      {
        name: 'renewal by the old certificate',
        attempt: async () =>
          current &&
          (await asHub(options, current, (hub) => requestRenewal(hub, { ...options, ...config, signal }))),
      },
      {
        name: 'joining by the token',
        attempt: async () =>
          (await bootstrapToken(options)) === undefined ? undefined : await join(options, signal),
      },
    ],
  });
  if (credentials === undefined) return false;
  await adopt(options, credentials);
  holder.current = credentials;
  holder.refusal = undefined;
  return true;
}

async function asHub<T>(
  { dialHub, config }: Pick<AgentOptions, 'dialHub' | 'config'>,
  credentials: HubCredentials,
  ask: (hub: KubeClient) => Promise<T>,
): Promise<T> {
  const transport = dialHub({ ...hubAt(config), credentials: () => credentials });
  try {
    return await ask(createClient(transport, { userAgent: 'klusterlet' }));
  } finally {
    await transport.close();
  }
}

function problemOf({ current, refusal }: CredentialHolder, hubClock: HubClock): string {
  if (current === undefined) return 'the hub certificate is lost';
  if (!isExpired(current, hubClock)) return `the hub refuses the certificate (${refusal ?? 'Unauthorized'})`;
  const { notAfterMs } = parseCertificate(current.certificatePem);
  return `the hub certificate expired at ${new Date(notAfterMs).toISOString()}`;
}

/** How soon a copy that somebody has deleted or changed is written again. */
const copyCheckMs = 30_000;

interface RegistrationContext {
  readonly hub: KubeClient;
  readonly holder: CredentialHolder;
  readonly signal: AbortSignal;
}

async function runRegistration(
  options: RunningOptions,
  { hub, holder, signal }: RegistrationContext,
): Promise<void> {
  const { env, managed, config, state, hubClock } = options;
  const { clusterName, agentId } = config;
  const isKnown = holder.current !== undefined && !isExpired(holder.current, hubClock);
  if (!isKnown && !(await recover(options, { holder, signal }))) return;
  const credentials = (): HubCredentials => {
    if (holder.current === undefined) throw new Error('there are no hub credentials');
    return holder.current;
  };
  const copier = createController({
    name: 'credentials-copy',
    env,
    reconcile: async () => {
      await writeSecondCopy(managed, { ...config, credentials: credentials() });
      return { requeueAfterMs: copyCheckMs };
    },
  });
  const cluster = createInformer<ManagedCluster>(hub, wellKnown.managedClusters, {
    env,
    fieldSelector: `metadata.name=${clusterName}`,
    onFailure: (error) => {
      holder.refusal = refusalOf(error);
      if (holder.refusal !== undefined) rotation.enqueue(clusterName);
    },
  });
  let isTold = false;
  cluster.onChange(({ object }) => {
    if (!isConditionTrue(object, clusterCondition.available)) return;
    options.onAvailable?.();
    if (!isTold) options.onProgress(`${clusterName} is available on ${config.hubServer}`);
    isTold = true;
  });
  // A watch that breaks is the first sign of an API server that is not well.
  const nodes = createInformer(managed, wellKnown.nodes, {
    env,
    onFailure: () => status.enqueue(clusterName),
  });
  const claims = createInformer(managed, wellKnown.clusterClaims, { env });
  const namespaceLabel = managedNamespaceLabel(config.hubServer);
  const markedNamespaces = createInformer(managed, wellKnown.namespaces, {
    env,
    labelSelector: `${namespaceLabel}=true`,
    metadataOnly: true,
  });
  const onChange = (): void => status.enqueue(clusterName);
  const properties = createLateInformer(managed, wellKnown.clusterProperties, { env, onChange });
  const addonLeases = createAddonLeases({ clusterName, hub, managed, env, cluster });
  let certificate: CertificateState | undefined;
  const tell = (state: CertificateState): void => {
    certificate = state;
    status.enqueue(clusterName);
  };
  const status = createStatusController({
    ...options,
    clusterName,
    hub,
    cluster,
    nodes,
    claims,
    properties: () => properties.list(),
    markedNamespaces,
    namespaceLabel,
    certificate: () => certificate,
  });
  const { observer, clientCertExpirationSeconds } = options;
  if (observer !== undefined) {
    cluster.onChange(({ type, object }) => {
      if (type !== 'deleted') observer.onAcceptance(object.spec?.hubAcceptsClient === true);
    });
  }
  const rotation = createCertificateRotation({
    clusterName,
    agentId,
    hub,
    env,
    hubClock,
    cluster,
    state,
    credentials,
    clientCertExpirationSeconds,
    onFailed: (failedBecause) => tell({ failedBecause }),
    onRotated: async (renewed) => {
      await adopt(options, renewed);
      holder.current = renewed;
      tell(parseCertificate(renewed.certificatePem));
      copier.enqueue(clusterName);
      authorities.enqueue(clusterName);
    },
    recover: async (until) => {
      if (await recover(options, { holder, signal: until })) copier.enqueue(clusterName);
    },
    isOutdated: () => isOfOldAuthority(credentials().certificatePem, config.hubCa),
    isRefused: () => holder.refusal !== undefined,
  });
  const authorities = createHubAuthoritiesFollower({
    clusterName,
    hub,
    env,
    cluster,
    trusted: () => config.hubCa,
    certificatePem: () => credentials().certificatePem,
    prove: (hubCa) =>
      asHub({ ...options, config: { ...config, hubCa } }, credentials(), (asked) =>
        proveKnown(asked, clusterName),
      ),
    adopt: async (hubCa) => {
      await adoptAuthorities(options, { hubCa, credentials: credentials() });
      rotation.enqueue(clusterName);
      copier.enqueue(clusterName);
    },
  });
  const addresses = createHubAddressesFollower({
    clusterName,
    env,
    cluster,
    known: () => config.hubAdvertised ?? [],
    adopt: (told) => adoptAddresses(options, told),
  });
  const controllers = [
    status,
    createClusterAnnotations({ ...options, clusterName, hub, cluster }),
    createLeaseRenewer({
      clusterName,
      hub,
      env,
      cluster,
      onRenewed: observer && (() => observer.onHeartbeat()),
    }),
    rotation,
    copier,
    authorities,
    addresses,
  ];
  const informers = [cluster, nodes, claims, markedNamespaces];
  for (const informer of informers) informer.start(signal);
  for (const part of [properties, addonLeases]) part.start(signal);
  for (const controller of controllers) controller.start(signal);
  rotation.enqueue(clusterName);
  copier.enqueue(clusterName);
  await spawn('registration', () => aborted(signal), { log: env.log, signal }).done;
  await Promise.all([...controllers, ...informers, properties, addonLeases].map((part) => part.close()));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
