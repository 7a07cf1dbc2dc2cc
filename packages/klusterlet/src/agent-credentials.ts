/**
 * Where an agent's credentials are kept: its directory first, then the second copy in its cluster. What is taken into use
 * has been saved before. Called by `agent.ts`.
 */
import { parseAgentUserName } from '@flotilla/api';
import { type Env, type KubeClient, parseCertificate } from '@flotilla/kube';
import { hubKubeconfig, readSecondCopy } from './registration/second-copy.js';
import type { HubCredentials, KlusterletConfig, KlusterletState } from './registration/state.js';

export interface CredentialKeeper {
  readonly env: Pick<Env, 'log'>;
  readonly state: KlusterletState;
  readonly config: KlusterletConfig;
  readonly managed: KubeClient;
}

/** The hub's authorities and addresses change while the agent runs. */
export type LiveConfig = Omit<KlusterletConfig, 'hubCa' | 'hubAdvertised'> & {
  hubCa: string;
  hubAdvertised?: readonly string[];
};

/** This agent's credentials from its directory, else from their second copy; they may be expired. */
export async function savedCredentials(options: CredentialKeeper): Promise<HubCredentials | undefined> {
  const { state, config, env, managed } = options;
  const saved = await state.readCredentials();
  if (saved !== undefined && isOwn(saved, config)) {
    if (await state.isWriteUnfinished()) await saveCredentials(options, saved);
    return saved;
  }
  if (!(await state.hasJoined())) return undefined;
  try {
    const copy = await readSecondCopy(managed, config);
    if (copy === undefined || !isOwn(copy.credentials, config)) return undefined;
    env.log.warn('hub credentials restored from their copy in the managed cluster', {
      because: saved === undefined ? 'the files are damaged' : 'the files are of another agent',
    });
    await saveCredentials(options, copy.credentials);
    return copy.credentials;
  } catch (error) {
    env.log.warn('the copy of the hub credentials could not be read', { error: String(error) });
    return undefined;
  }
}

function isOwn({ certificatePem }: HubCredentials, config: KlusterletConfig): boolean {
  const identity = parseAgentUserName(parseCertificate(certificatePem).subject.commonName);
  return identity?.cluster === config.clusterName && identity.agent === config.agentId;
}

async function saveCredentials(
  { state, config }: CredentialKeeper,
  credentials: HubCredentials,
): Promise<void> {
  const { clusterName, agentId } = config;
  const kubeconfig = hubKubeconfig(config);
  await state.writeCredentials(credentials, { kubeconfig, clusterName, agentId });
}

interface LiveKeeper extends Omit<CredentialKeeper, 'config'> {
  readonly config: LiveConfig;
}

/** Saved first, so that the agent still finds its hub when it is stopped now. */
export function adoptAuthorities(
  options: LiveKeeper,
  { hubCa, credentials }: { hubCa: string; credentials: HubCredentials },
): Promise<void> {
  return afterOthers(options.config, async () => {
    const config = { ...options.config, hubCa };
    await options.state.writeConfig(config);
    await saveCredentials({ ...options, config }, credentials);
    options.config.hubCa = hubCa;
  });
}

/** Saved first: they are for the day on which the others are gone. */
export function adoptAddresses(
  { state, config }: Pick<LiveKeeper, 'state' | 'config'>,
  hubAdvertised: readonly string[],
): Promise<void> {
  return afterOthers(config, async () => {
    await state.writeConfig({ ...config, hubAdvertised });
    config.hubAdvertised = hubAdvertised;
  });
}

/** Changes of one configuration come one after the other: each writes the whole file. */
async function afterOthers(config: LiveConfig, change: () => Promise<void>): Promise<void> {
  const before = changes.get(config) ?? Promise.resolve();
  const own = before.then(change, change); // who made the one before was told of its failure
  changes.set(config, own);
  await own;
}

const changes = new WeakMap<LiveConfig, Promise<void>>();

/** Saved first: the requests that led to it are forgotten only then. */
export async function adopt(options: CredentialKeeper, credentials: HubCredentials): Promise<void> {
  await saveCredentials(options, credentials);
  await options.state.forgetPending();
  await options.state.forgetRenewal();
  await options.state.forgetProblem();
}
