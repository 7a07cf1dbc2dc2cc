/** What `klusterlet status` shows: the data directory's word, and whether the hub answers this agent now. */
import { clusterCondition, findCondition, hasReason, type ManagedCluster } from '@flotilla/api';
import { createClient, type Env, parseCertificate, type Transport, wellKnown } from '@flotilla/kube';
import { alternativesOf, type HubAddress, hubAt } from './hub-address.js';
import { createHubClock, type HubClock } from './registration/hub-clock.js';
import { refusalOf } from './registration/recovery.js';
import type { HubCredentials, KlusterletConfig, KlusterletState } from './registration/state.js';
import { createSavedWorks } from './work/saved-works.js';

export const statusHeaders = ['What', 'Value'];

export interface StatusSources {
  readonly env: Env;
  readonly state: KlusterletState;
  readonly config: KlusterletConfig;
  readonly dialHub: (address: HubAddress) => Transport;
}

/** Never fails because the hub is away: that is one of the answers. */
export async function readStatus(sources: StatusSources): Promise<Record<string, string>> {
  const { state, config, env } = sources;
  const credentials = await state.readCredentials();
  const works = await createSavedWorks({ env, directory: state.path('works') }).load();
  const alternatives = alternativesOf(config);
  const status: Record<string, string> = {
    cluster: config.clusterName,
    hub: config.hubServer,
    ...(alternatives.length > 0 && { alternatives: alternatives.join(', ') }),
    agent: config.agentId,
    savedWorks: String(works.length),
  };
  const problem = await state.readProblem();
  if (problem !== undefined) {
    status['identity'] =
      `not known to the hub since ${problem.since}: ${problem.why}; saved works go on being enforced`;
  }
  if (credentials === undefined) {
    const hasJoined = await state.hasJoined();
    return { ...status, certificate: hasJoined ? 'lost' : 'none yet: waiting for the hub to accept' };
  }
  const hubClock = createHubClock(env);
  const answer = await askHub(sources, { credentials, hubClock });
  const { notAfterMs } = parseCertificate(credentials.certificatePem);
  const until = new Date(notAfterMs).toISOString();
  const certificate = notAfterMs > hubClock.now() ? `valid until ${until}` : `expired at ${until}`;
  const seconds = Math.round(hubClock.aheadMs / 1000);
  const side = seconds > 0 ? 'ahead of' : 'behind';
  const clock = seconds === 0 ? {} : { clock: `${Math.abs(seconds)} s ${side} the hub's` };
  return { ...status, certificate, ...clock, ...answer };
}

async function askHub(
  { dialHub, config }: StatusSources,
  { credentials, hubClock }: { credentials: HubCredentials; hubClock: HubClock },
): Promise<Record<string, string>> {
  const transport = hubClock.watching(dialHub({ ...hubAt(config), credentials: () => credentials }));
  try {
    const cluster = await createClient(transport).get<ManagedCluster>(
      wellKnown.managedClusters,
      { name: config.clusterName },
      { timeoutMs: 5000 },
    );
    const shown = (type: string): string =>
      findCondition(cluster.status?.conditions, type)?.status ?? 'Unknown';
    return {
      hubAnswers: 'yes',
      accepted: shown(clusterCondition.hubAccepted),
      joined: shown(clusterCondition.joined),
      available: shown(clusterCondition.available),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    // It believes the certificate: a hub that has denied the cluster still shows it.
    if (refusalOf(error) === undefined && hasReason(error, 'Forbidden', 'NotFound'))
      return {
        hubAnswers: `yes, but it does not show the cluster ${config.clusterName} (${why}); if it was removed there, join again: "hub token create" on the hub, and "klusterlet join" with it here`,
      };
    return { hubAnswers: `no: ${why}` };
  } finally {
    await transport.close();
  }
}
