/**
 * `klusterlet run --klusterlet NAME`: joins and runs as a Klusterlet object in the managed cluster says, begins anew
 * when that says something else, and tells in its status what became of it. An object that is deleted changes nothing:
 * leaving a hub is a command of its own.
 */
import {
  equal,
  hasReason,
  type Klusterlet,
  type KubeObject,
  klusterletFieldManager,
  klusterletKind,
  resourceOf,
  toCrd,
} from '@flotilla/api';
import {
  createClient,
  createController,
  createInformer,
  createStopController,
  type Env,
  type Informer,
  type KubeClient,
  onAbort,
  patchStatus,
  type RateLimit,
  sleep,
  wellKnown,
} from '@flotilla/kube';
import { formatRight, missingRights } from '@flotilla/kube/cli';
import { hubAt } from '../hub-address.js';
import { type KlusterletSettings, readKlusterlet } from '../operator/klusterlet-settings.js';
import { type HubState, planKlusterletStatus } from '../operator/klusterlet-status.js';
import { patiently } from '../patiently.js';
import { applyMarked } from '../registration/managed-definitions.js';
import type { AgentSettings } from '../registration/settings.js';
import type { KlusterletConfig, KlusterletState } from '../registration/state.js';
import type { WorkAgentOptions } from '../work/options.js';
import { agentRights } from './agent-rights.js';
import { connectManaged, dialHub, managedKubeconfig } from './connections.js';
import { prepareJoin, readJoinRequest } from './prepare-join.js';

/** What the object says in place of flags and saved settings. */
export interface RunOverrides {
  readonly settings: Partial<AgentSettings>;
  readonly work: Partial<WorkAgentOptions>;
  readonly clientConfigs: KlusterletSettings['clientConfigs'];
  readonly managedLimit: RateLimit;
  readonly hubLimit: RateLimit;
  readonly signal: AbortSignal;
}

export interface KlusterletRun {
  /** Of the Klusterlet. */
  readonly name: string;
  readonly env: Env;
  readonly state: KlusterletState;
  /** Of the managed cluster, as it was given. */
  readonly kubeconfig: string | undefined;
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
  /** Runs the agent until the overrides' signal aborts. */
  readonly run: (config: KlusterletConfig, overrides: RunOverrides) => Promise<void>;
}

const ref = resourceOf(klusterletKind);
const reportMs = 30_000;
const retryMs = 10_000;
const absentMs = 1000;

/** What the reporter is told by the loop. */
interface Progress {
  failure: string | undefined;
  /** OCM's word for the state of the Secret to join with. */
  bootstrap: string;
}

export async function runFromKlusterlet(options: KlusterletRun): Promise<void> {
  const { env, state, signal, name } = options;
  const saved = await state.readConfig();
  const { client } = await connectManaged(env, saved?.kubeconfig ?? managedKubeconfig(options.kubeconfig));
  const progress: Progress = { failure: undefined, bootstrap: 'BootstrapSecretFunctional' };
  const informer = createInformer<Klusterlet>(client, ref, { env, fieldSelector: `metadata.name=${name}` });
  const reporter = createController({
    name: 'klusterlet-status',
    env,
    reconcile: async () => {
      const object = informer.cache.get(name);
      if (object !== undefined) await report(client, object, { options, progress });
      return { requeueAfterMs: reportMs };
    },
  });
  try {
    const install = (): Promise<void> =>
      applyMarked(client, wellKnown.customResourceDefinitions, toCrd(klusterletKind));
    await patiently({ env, signal, what: 'managed cluster not ready' }, install);
    informer.onChange(() => reporter.enqueue(name));
    informer.start(signal);
    await informer.synced(signal);
    reporter.start(signal);
    await loop(options, { client, informer, progress, report: () => reporter.enqueue(name) });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await Promise.all([reporter.close(), informer.close()]);
    await client.transport.close();
  }
}

interface Parts {
  readonly client: KubeClient;
  readonly informer: Informer<Klusterlet>;
  readonly progress: Progress;
  readonly report: () => void;
}

async function loop(options: KlusterletRun, parts: Parts): Promise<void> {
  const { env, name, signal, note } = options;
  for (let isTold = false; !signal.aborted; ) {
    const object = parts.informer.cache.get(name);
    if (object === undefined) {
      if (!isTold) note(`waiting for the Klusterlet ${name} in the managed cluster`);
      isTold = true;
      await sleep(env.clock, absentMs, signal);
      continue;
    }
    await runOnce(options, { ...parts, settings: readKlusterlet(object).settings });
  }
}

/** Until the object says something else, or something fails. */
async function runOnce(
  options: KlusterletRun,
  { settings, informer, progress, report, client }: Parts & { readonly settings: KlusterletSettings },
): Promise<void> {
  const { env, signal } = options;
  const stop = createStopController();
  const unlisten = onAbort(signal, () => stop.abort(signal.reason));
  const unsubscribe = informer.onChange(({ type, object }) => {
    if (type !== 'deleted' && !equal(readKlusterlet(object).settings, settings))
      stop.abort(new Error('the Klusterlet says something else now'));
  });
  try {
    const config = await configFor(options, { client, settings, progress });
    report();
    await options.run(config, { ...overridesOf(settings), signal: stop.signal });
  } catch (error) {
    if (stop.signal.aborted) return;
    progress.failure = error instanceof Error ? error.message : String(error);
    env.log.warn('the Klusterlet cannot be followed', { error: progress.failure });
    report();
    await sleep(env.clock, retryMs, stop.signal).catch(() => undefined); // only an abort, which ends the wait
  } finally {
    unsubscribe();
    unlisten();
  }
}

function overridesOf(settings: KlusterletSettings): Omit<RunOverrides, 'signal'> {
  const { certificateSeconds } = settings;
  return {
    settings: {
      maxCustomClusterClaims: settings.maxCustomClusterClaims,
      reservedClusterClaimSuffixes: settings.reservedClaimSuffixes,
      clusterAnnotations: settings.clusterAnnotations,
      hubConnectionTimeoutSeconds: settings.hubConnectionTimeoutSeconds,
      ...(certificateSeconds !== undefined && { clientCertExpirationSeconds: certificateSeconds }),
    },
    work: settings.work,
    clientConfigs: settings.clientConfigs,
    managedLimit: settings.managedLimit,
    hubLimit: settings.hubLimit,
  };
}

/** The saved membership; where there is none, the Secrets that the object names lead to one. */
async function configFor(
  options: KlusterletRun,
  { client, settings, progress }: { client: KubeClient; settings: KlusterletSettings; progress: Progress },
): Promise<KlusterletConfig> {
  const { state } = options;
  const { clusterName } = settings;
  const saved = await state.readConfig();
  if (saved === undefined || !(await state.isBound())) return join(options, { client, settings, progress });
  const isOther = clusterName !== undefined && clusterName !== saved.clusterName;
  // The cluster stays managed: a name is changed by leaving and joining.
  progress.failure = isOther
    ? `spec.clusterName is ${clusterName}, and this klusterlet has joined as ${saved.clusterName}: run "klusterlet leave" first`
    : undefined;
  return saved;
}

async function join(
  { env, state, kubeconfig, note }: KlusterletRun,
  { client, settings, progress }: { client: KubeClient; settings: KlusterletSettings; progress: Progress },
): Promise<KlusterletConfig> {
  const { bootstrapSecrets, namespace, clusterName } = settings;
  try {
    const files: string[] = [];
    for (const name of bootstrapSecrets) {
      const file = state.path(`bootstrap/${name}.kubeconfig`);
      await env.files.write(file, await readBootstrap(client, { namespace, name }), { mode: 0o600 });
      files.push(file);
    }
    const options = {
      dataDir: state.dataDir,
      bootstrapKubeconfig: files,
      ...(clusterName !== undefined && { name: clusterName }),
      ...(kubeconfig !== undefined && { kubeconfig }),
    };
    const request = await readJoinRequest(undefined, { options, env });
    const config = { ...(await prepareJoin(request, { options, state, env, note })), namespace };
    await state.writeConfig(config);
    progress.bootstrap = 'BootstrapSecretFunctional';
    progress.failure = undefined;
    return config;
  } catch (error) {
    progress.bootstrap =
      error instanceof MissingSecretError ? 'BootstrapSecretMissing' : 'BootstrapSecretError';
    throw error;
  }
}

class MissingSecretError extends Error {
  override readonly name = 'MissingSecretError';
}

async function readBootstrap(client: KubeClient, key: { namespace: string; name: string }): Promise<string> {
  const where = `the Secret ${key.namespace}/${key.name}`;
  try {
    const secret = await client.get<KubeObject>(wellKnown.secrets, key);
    const { kubeconfig = '' } = (secret['data'] ?? {}) as { kubeconfig?: string }; // v1 Secret
    if (kubeconfig === '') throw new Error(`${where} has no kubeconfig to join with`);
    return Buffer.from(kubeconfig, 'base64').toString('utf8');
  } catch (error) {
    if (hasReason(error, 'NotFound')) throw new MissingSecretError(`${where} to join with does not exist`);
    throw error;
  }
}

async function report(
  client: KubeClient,
  object: Klusterlet,
  { options, progress }: { options: KlusterletRun; progress: Progress },
): Promise<void> {
  const { env } = options;
  const read = readKlusterlet(object);
  const hub = await hubState(options, progress);
  const status = planKlusterletStatus(object, {
    read,
    failure: progress.failure,
    hub,
    nowMs: env.clock.now(),
  });
  if (equal(status, object.status ?? {})) return;
  try {
    await patchStatus(client, { resource: ref, object, status, fieldManager: klusterletFieldManager });
  } catch (error) {
    if (!hasReason(error, 'Conflict', 'NotFound')) throw error; // its event brings it back here
  }
}

/** As OCM's operator tells it: by what the hub lets this agent do. */
async function hubState({ env, state }: KlusterletRun, { bootstrap, failure }: Progress): Promise<HubState> {
  const config = await state.readConfig();
  const credentials = await state.readCredentials();
  if (config === undefined || credentials === undefined) {
    const message = failure ?? 'The hub has not accepted the cluster yet';
    return { isDegraded: true, reason: `${bootstrap},HubKubeConfigSecretMissing`, message };
  }
  const problem = await state.readProblem();
  if (problem !== undefined)
    return { isDegraded: true, reason: 'HubKubeConfigUnauthorized', message: problem.why };
  const transport = dialHub(env, { ...hubAt(config), credentials: () => credentials });
  try {
    const hub = createClient(transport, { userAgent: 'klusterlet' });
    const missing = await missingRights(hub, agentRights(config.clusterName));
    if (missing.length === 0)
      return {
        isDegraded: false,
        reason: 'HubConnectionFunctional',
        message: 'Hub kubeconfig is working properly',
      };
    const message = `The hub does not let the agent ${missing.map(formatRight).join(', ')}`;
    return { isDegraded: true, reason: 'HubKubeConfigUnauthorized', message };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { isDegraded: true, reason: 'HubKubeConfigError', message };
  } finally {
    await transport.close();
  }
}
