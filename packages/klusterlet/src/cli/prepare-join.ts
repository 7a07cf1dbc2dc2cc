/**
 * From an invitation to a data directory that knows its hub. Whatever is wrong is found before anything is written;
 * a directory is bound to its cluster name only once the hub has taken the request of its klusterlet.
 */
import { matchesNames, validateObjectName } from '@flotilla/api';
import { type Env, publicKeyHash, TransportError, writeKubeconfig } from '@flotilla/kube';
import { UsageError } from '@flotilla/kube/cli';
import { probeTls } from '@flotilla/kube/node';
import { moveTo } from '../registration/move-hub.js';
import { fetchPinnedCa } from '../registration/pinned-ca.js';
import { isExpired } from '../registration/renewal.js';
import type { HubCandidate, KlusterletConfig, KlusterletState } from '../registration/state.js';
import { managedKubeconfig } from './connections.js';
import { hubProxy } from './hub-proxy.js';
import { type Invitation, readInvitation } from './invitation.js';
import { preflight } from './preflight.js';
import { askHubAbout } from './saved-membership.js';
import { type SettingFlags, settingsOf } from './setting-options.js';

export interface JoinOptions extends SettingFlags {
  readonly dataDir: string;
  readonly name?: string;
  readonly kubeconfig?: string;
  /** Of several hubs the klusterlet has one at a time, the first rather than the others. */
  readonly bootstrapKubeconfig?: readonly string[];
  readonly joinFile?: string;
  readonly proxyUrl?: string;
  readonly move?: boolean;
}

export interface JoinRequest {
  readonly join: Invitation;
  /** Of further hubs. */
  readonly others: readonly Invitation[];
  readonly clusterName: string;
}

/**
 * The join string, if there is one; `joined` when its file is gone and the directory needs none any more.
 * @throws UsageError
 */
export async function readJoinString(
  given: string | undefined,
  { options, state, env }: { options: JoinOptions; state: KlusterletState; env: Env },
): Promise<string | undefined> {
  const { joinFile } = options;
  if (joinFile === undefined) return given;
  if (given !== undefined) throw new UsageError('give a join string or --join-file, not both');
  const data = await env.files.read(joinFile);
  const text = data === undefined ? '' : Buffer.from(data).toString('utf8').trim();
  if (text !== '') return text;
  if (await state.isBound()) return 'joined';
  const what = data === undefined ? 'does not exist' : 'is empty';
  throw new UsageError(
    `--join-file: ${joinFile} ${what}, and nothing has joined from ${options.dataDir} yet`,
  );
}

/** What the user asks for, before any directory is touched. @throws UsageError */
export async function readJoinRequest(
  joinString: string | undefined,
  { options, env }: { options: JoinOptions; env: Env },
): Promise<JoinRequest> {
  const { proxyUrl } = options;
  const [bootstrapKubeconfig, ...further] = options.bootstrapKubeconfig ?? [];
  const join = await readInvitation(
    {
      ...(joinString !== undefined && { joinString }),
      ...(bootstrapKubeconfig !== undefined && { bootstrapKubeconfig }),
    },
    env,
  );
  const clusterName = options.name ?? join.cluster;
  if (clusterName === undefined) {
    const like = join.names === undefined ? '' : `, and wants one like ${join.names}`;
    throw new UsageError(`--name is missing: the invitation names no cluster${like}`);
  }
  const [error] = validateObjectName(clusterName, 'label');
  if (error !== undefined) throw new UsageError(`--name is refused: ${error.message}`);
  if (join.cluster !== undefined && join.cluster !== clusterName) {
    throw new UsageError(`the join string is for the cluster ${join.cluster}, not for ${clusterName}`);
  }
  if (join.names !== undefined && !matchesNames(join.names, clusterName)) {
    throw new UsageError(`the join string is for names like ${join.names}, not for ${clusterName}`);
  }
  const others = await Promise.all(further.map((file) => readInvitation({ bootstrapKubeconfig: file }, env)));
  const byProxy = (invitation: Invitation): Invitation => ({
    ...invitation,
    ...(proxyUrl !== undefined && { proxyUrl }),
  });
  return { join: byProxy(join), others: others.map(byProxy), clusterName };
}

/** Checks everything that can be checked before anything is changed, here or on the hub. */
export async function prepareJoin(
  { join: first, others, clusterName }: JoinRequest,
  {
    options,
    state,
    env,
    note,
  }: { options: JoinOptions; state: KlusterletState; env: Env; note: (text: string) => void },
): Promise<KlusterletConfig> {
  const bound = (await state.isBound()) ? await state.readConfig() : undefined;
  const isOther = bound !== undefined && [first, ...others].every(({ server }) => server !== bound.hubServer);
  if (bound !== undefined && isOther && options.move === true && bound.clusterName === clusterName) {
    const settings = { ...bound.settings, ...settingsOf(options) };
    const hubs = await candidatesOf([first, ...others], env);
    const [next] = hubs;
    if (next === undefined) throw new Error('an invitation names a hub');
    const moved = await moveTo(next, { state, config: { ...bound, settings } });
    await state.writeHubs(hubs);
    return moved;
  }
  // It may have moved to another of its hubs since.
  const join = others.find(({ server }) => server === bound?.hubServer) ?? first;
  const saved = await savedJoin(join, { dataDir: options.dataDir, clusterName, state, env });
  const settings = { ...saved?.config.settings, ...settingsOf(options) };
  if (saved?.isComplete === true) {
    const config = { ...saved.config, settings };
    await state.writeConfig(config);
    if (others.length > 0) await state.writeHubs(await candidatesOf([first, ...others], env));
    return config;
  }
  const kubeconfig = managedKubeconfig(options.kubeconfig);
  // Of several hubs each may be away: the klusterlet goes to the next one then.
  const reached = await preflight({ join: others.length > 0 ? undefined : join, kubeconfig, env, note });
  const known = [first, ...others].map((each) => ({
    ...each,
    ...(reached && { ca: each.ca ?? reached.ca }),
  }));
  const hubs = await candidatesOf(known, env);
  const hubCa = hubs.find(({ server }) => server === join.server)?.ca ?? '';
  const config: KlusterletConfig = {
    formatVersion: 1,
    clusterName,
    agentId: saved?.config.agentId ?? env.random.uuid().slice(0, 8),
    hubServer: join.server,
    hubCa,
    ...(join.alternatives && { hubAlternatives: join.alternatives }),
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(join.proxyUrl !== undefined && { proxyUrl: join.proxyUrl }),
    settings,
  };
  if (saved?.isForgotten === true) await state.forgetCredentials();
  await state.writeConfig(config);
  await state.writeBootstrapKubeconfig(
    writeKubeconfig({
      server: join.server,
      ca: hubCa,
      clusterName: 'hub',
      ...(join.proxyUrl !== undefined && { proxyUrl: join.proxyUrl }),
      credential: { token: join.token },
    }),
  );
  await state.writeHubs(hubs);
  return config;
}

function candidatesOf(invitations: readonly Invitation[], env: Env): Promise<HubCandidate[]> {
  return Promise.all(
    invitations.map(async (invitation) => {
      const { server, token, alternatives, proxyUrl } = invitation;
      return {
        server,
        token,
        ca: invitation.ca ?? (await askForCa(invitation, env)),
        ...(alternatives && { alternatives }),
        ...(proxyUrl !== undefined && { proxyUrl }),
      };
    }),
  );
}

interface SavedJoin {
  readonly config: KlusterletConfig;
  /** Its credentials are valid: there is nothing left to ask the hub for. */
  readonly isComplete: boolean;
  /** The hub believes the credentials, and has no such cluster any more. */
  readonly isForgotten: boolean;
}

/** What an earlier join left. @throws UsageError when the directory is bound to another name or hub. */
async function savedJoin(
  join: Invitation,
  options: { dataDir: string; clusterName: string; state: KlusterletState; env: Env },
): Promise<SavedJoin | undefined> {
  const { dataDir, clusterName, state, env } = options;
  const config = await state.readConfig();
  if (config === undefined || !(await state.isBound())) return undefined;
  const isSameHub = config.hubServer === join.server && publicKeyHash(config.hubCa) === join.caHash;
  if (config.clusterName !== clusterName || !isSameHub) {
    const other = config.hubServer === join.server && !isSameHub ? ', a hub with another CA' : '';
    throw new UsageError(
      `${dataDir} belongs to ${config.clusterName} on ${config.hubServer}${other}: leave that hub first ("klusterlet leave"), move to the other one (--move), or give another --data-dir`,
    );
  }
  const saved = await state.readCredentials();
  if (saved === undefined || isExpired(saved, env.clock))
    return { config, isComplete: false, isForgotten: false };
  const answer = await askHubAbout(config, { saved, token: join.token, env });
  return { config, isComplete: answer === 'known', isForgotten: answer === 'forgotten' };
}

/** Trusted because it matches the pin; from the first address that can be reached. */
async function askForCa(join: Invitation, env: Env): Promise<string> {
  const ask = (server: string): Promise<string> =>
    fetchPinnedCa(
      { ...join, server },
      {
        probe: async (address) => {
          const proxy = hubProxy(server, join.proxyUrl === undefined ? {} : { url: join.proxyUrl });
          const options = { ...address, clock: env.clock, label: 'hub', ...(proxy && { proxy }) };
          return (await probeTls(options)).certificates;
        },
        nowMs: env.clock.now(),
      },
    );
  const { alternatives = [] } = join;
  for (const server of [join.server, ...alternatives.slice(0, -1)]) {
    try {
      return await ask(server);
    } catch (error) {
      if (alternatives.length === 0 || !(error instanceof TransportError)) throw error;
      env.log.warn('hub not reached, trying its next address', { server, error: error.message });
    }
  }
  return ask(alternatives.at(-1) ?? join.server);
}
