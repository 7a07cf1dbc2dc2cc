/**
 * One klusterlet, put together: joins when it has no valid credentials, then runs registration and the work agent.
 * The work agent starts at once from the saved works, whether or not the hub can be reached; everything that talks
 * to the hub waits for it.
 */
import { kinds, type ManagedCluster, parseAgentUserName, StatusError, toCrd } from '@flotilla/api';
import {
  createClient,
  createInformer,
  createStopController,
  type Env,
  type KubeClient,
  loadKubeconfig,
  onAbort,
  parseCertificate,
  spawn,
  type Transport,
  wellKnown,
  writeHubKubeconfig,
} from '@flotilla/kube';
import { patiently } from './patiently.js';
import { bootstrap, DeniedError, isFinal } from './registration/bootstrap.js';
import { createCertificateRotation } from './registration/certificate-rotation.js';
import { createLeaseRenewer } from './registration/lease-renewer.js';
import type { HubCredentials, KlusterletConfig, KlusterletState } from './registration/state.js';
import { createStatusController } from './registration/status-controller.js';
import { createWorkAgent } from './work/work-agent.js';

/** How a hub is reached; the certificate may change while the transport lives. */
export interface HubAddress {
  readonly server: string;
  readonly ca: string;
  readonly credentials?: () => HubCredentials;
  readonly token?: string;
}

export interface AgentOptions {
  readonly env: Env;
  readonly state: KlusterletState;
  readonly config: KlusterletConfig;
  readonly managed: KubeClient;
  /** The managed cluster as others reach it, for the ManagedCluster's spec. */
  readonly clientConfigs: readonly { readonly url: string; readonly caBundle?: string }[];
  readonly dialHub: (address: HubAddress) => Transport;
  readonly onProgress: (text: string) => void;
  readonly healthCheckPeriodSeconds: number;
  readonly maxCustomClusterClaims: number;
}

export const defaultAgentOptions = Object.freeze({
  healthCheckPeriodSeconds: 60,
  maxCustomClusterClaims: 20,
});

/**
 * Runs until the signal aborts. An agent that has asked to join before waits for a hub or a managed cluster that is
 * away; at a first join the user is told at once.
 * @throws what bootstrap throws when the hub refuses this agent for good.
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const isFirst = !(await options.state.isBound());
  if (isFirst) await installManagedCrds(options);
  const credentials =
    (await validCredentials(options)) ?? (await join(options, { isPatient: !isFirst, signal }));
  const stop = createStopController();
  const unlisten = onAbort(signal, () => stop.abort(signal.reason));
  try {
    await runJoined(options, { credentials, signal: stop.signal });
  } finally {
    unlisten();
    stop.abort(new Error('the agent has ended')); // one part failed: the others end with it
  }
}

async function runJoined(
  options: AgentOptions,
  { credentials, signal }: { credentials: HubCredentials; signal: AbortSignal },
): Promise<void> {
  const holder = { current: credentials };
  const { config } = options;
  const transport = options.dialHub({
    server: config.hubServer,
    ca: config.hubCa,
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
  await patiently({ env, signal, what: 'managed cluster not ready' }, () => installManagedCrds(options));
  if (signal.aborted) return;
  await createWorkAgent({
    env,
    hub,
    managed,
    clusterName: config.clusterName,
    agentId: config.agentId,
    hubServer: config.hubServer,
    worksDir: state.path('works'),
  }).run(signal);
}

/** The kinds that OCM's agent brings along: the inventory of what is applied, and the cluster's claims. */
async function installManagedCrds({ managed, env }: AgentOptions): Promise<void> {
  for (const kind of kinds) {
    if (kind.plural !== 'appliedmanifestworks' && kind.plural !== 'clusterclaims') continue;
    const crd = toCrd(kind);
    const name = crd.metadata.name ?? '';
    await managed.patch(
      wellKnown.customResourceDefinitions,
      { name },
      {
        type: 'apply',
        body: crd,
        fieldManager: 'flotilla-klusterlet',
        force: true,
      },
    );
    env.log.debug('definition applied', { crd: name });
  }
}

/** Saved credentials that are this agent's and not expired. */
async function validCredentials({ state, config, env }: AgentOptions): Promise<HubCredentials | undefined> {
  const saved = await state.readCredentials();
  if (saved === undefined) return undefined;
  const certificate = parseCertificate(saved.certificatePem);
  const identity = parseAgentUserName(certificate.subject.commonName);
  const isOurs = identity?.cluster === config.clusterName && identity.agent === config.agentId;
  return isOurs && certificate.notAfterMs > env.clock.now() ? saved : undefined;
}

async function join(
  options: AgentOptions,
  { isPatient, signal }: { isPatient: boolean; signal: AbortSignal },
): Promise<HubCredentials> {
  const { state, config, env } = options;
  const kubeconfig = await state.readBootstrapKubeconfig();
  const token = kubeconfig === undefined ? undefined : loadKubeconfig(kubeconfig).user.token;
  if (token === undefined) {
    throw new Error(
      `the hub certificate of ${config.clusterName} is missing or expired and there is no token: run "klusterlet join" with a new join string ("hub token create --cluster ${config.clusterName}" on the hub)`,
    );
  }
  const transport = options.dialHub({ server: config.hubServer, ca: config.hubCa, token });
  try {
    const hub = createClient(transport, { userAgent: 'klusterlet' });
    const ask = () => bootstrap(hub, { ...options, ...config, signal });
    const credentials = isPatient
      ? await patiently({ env, signal, what: 'hub not reached', isFinal }, ask)
      : await ask();
    if (credentials === undefined) throw signal.reason;
    await saveCredentials(options, credentials);
    await state.forgetPending();
    options.onProgress(`joined the hub at ${config.hubServer} as ${config.clusterName}`);
    return credentials;
  } catch (error) {
    if (error instanceof DeniedError) await state.forgetPending(); // the next join asks anew
    throw refusedToken(error, config.hubServer);
  } finally {
    await transport.close();
  }
}

/** A 401 while joining is always about the token of the join string. */
function refusedToken(error: unknown, hubServer: string): unknown {
  if (!(error instanceof StatusError) || error.code !== 401) return error;
  const why = error.message.replace(/^Unauthorized: /, '');
  const remedy = why.includes('hub token create') ? '' : '; make a new join string with "hub token create"';
  return new Error(`the hub at ${hubServer} refused the token (token): ${why}${remedy}`, { cause: error });
}

async function saveCredentials({ state, config }: AgentOptions, credentials: HubCredentials): Promise<void> {
  const { clusterName, agentId, hubServer, hubCa } = config;
  const kubeconfig = writeHubKubeconfig({ server: hubServer, ca: hubCa, clusterName: 'hub' });
  await state.writeCredentials(credentials, { kubeconfig, clusterName, agentId });
}

interface RegistrationContext {
  readonly hub: KubeClient;
  readonly holder: { current: HubCredentials };
  readonly signal: AbortSignal;
}

async function runRegistration(
  options: AgentOptions,
  { hub, holder, signal }: RegistrationContext,
): Promise<void> {
  const { env, managed, config } = options;
  const { clusterName, agentId } = config;
  const cluster = createInformer<ManagedCluster>(hub, wellKnown.managedClusters, {
    env,
    fieldSelector: `metadata.name=${clusterName}`,
  });
  const nodes = createInformer(managed, wellKnown.nodes, { env });
  const claims = createInformer(managed, wellKnown.clusterClaims, { env });
  const controllers = [
    createStatusController({ ...options, clusterName, hub, cluster, nodes, claims }),
    createLeaseRenewer({ clusterName, hub, env, cluster }),
    createCertificateRotation({
      clusterName,
      agentId,
      hub,
      env,
      cluster,
      credentials: () => holder.current,
      onRotated: async (credentials) => {
        await saveCredentials(options, credentials);
        holder.current = credentials;
      },
    }),
  ];
  for (const informer of [cluster, nodes, claims]) informer.start(signal);
  for (const controller of controllers) controller.start(signal);
  controllers[2]?.enqueue(clusterName);
  await spawn('registration', () => aborted(signal), { log: env.log, signal }).done;
  await Promise.all([...controllers, cluster, nodes, claims].map((part) => part.close()));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
