/**
 * One klusterlet and several hubs, of which it has one at a time, as OCM's gate MultipleHubs: it stays with its hub
 * while that takes its heartbeats, and moves to the first other one that would have it when it is denied, or when the
 * hub has not answered for long. What a hub's works applied is evicted after the grace period, unless the next hub has
 * the same. The credentials of each hub are kept for the way back.
 */
import { hasReason, type ManagedCluster } from '@flotilla/api';
import { createClient, createStopController, onAbort, sleep, wellKnown } from '@flotilla/kube';
import { type AgentOptions, type HubObserver, runAgent } from './agent.js';
import type { HubAddress } from './hub-address.js';
import { isDenied } from './registration/bootstrap.js';
import { moveTo } from './registration/move-hub.js';
import { isExpired } from './registration/renewal.js';
import type { HubCandidate, KlusterletConfig } from './registration/state.js';

/** How often it is looked at whether to move, and how long hubs are waited for when none would have the cluster. */
const pollMs = 5000;
const askTimeoutMs = 10_000;

export interface SeveralHubsOptions extends AgentOptions {
  /** In the order of preference; with fewer than two it is `runAgent`. */
  readonly hubs: readonly HubCandidate[];
}

/**
 * Runs until the signal aborts.
 * @throws what `runAgent` throws when the hub refuses the cluster for good and no other one would have it.
 */
export async function runAgentOfHubs(options: SeveralHubsOptions, signal: AbortSignal): Promise<void> {
  const { env, state, hubs } = options;
  if (hubs.length < 2) return runAgent(options, signal);
  let config = options.config;
  let next = await firstChoice(options, { config, signal });
  while (!signal.aborted) {
    if (next !== undefined && next.server !== config.hubServer) {
      env.log.warn('moving to another hub', { from: config.hubServer, to: next.server });
      config = await moveTo(next, { state, config });
    }
    const stop = createStopController();
    const unlisten = onAbort(signal, () => stop.abort(signal.reason));
    const watch = watchHub({ ...options, config }, stop.signal);
    const moving = watch.decided.then((decision) => {
      next = decision;
      stop.abort(new Error('the klusterlet moves to another hub'));
    });
    try {
      await runAgent({ ...options, config, observer: watch.observer }, stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) {
        next = await firstOther(options, config);
        if (next === undefined) throw error;
        env.log.warn('the hub does not take this cluster', { hub: config.hubServer, error: String(error) });
      }
    } finally {
      unlisten();
      stop.abort(new Error('the agent has ended'));
      await moving;
    }
  }
}

/** The hub that it has, if that would have it; one that has joined stays with it also when no hub answers. */
async function firstChoice(
  options: SeveralHubsOptions,
  { config, signal }: { config: KlusterletConfig; signal: AbortSignal },
): Promise<HubCandidate | undefined> {
  const { env, hubs, state } = options;
  for (let told = false; !signal.aborted; told = true) {
    const current = hubs.find(({ server }) => server === config.hubServer);
    if (current !== undefined && (await wouldHave(options, { config, hub: current }))) return current;
    const other = await firstOther(options, config);
    if (other !== undefined || (await state.hasJoined())) return other;
    if (!told) env.log.warn('no hub would have this cluster', { hubs: hubs.map(({ server }) => server) });
    await sleep(env.clock, pollMs, signal).catch(() => undefined); // only an abort, which ends the loop
  }
  return undefined;
}

async function firstOther(
  options: SeveralHubsOptions,
  config: KlusterletConfig,
): Promise<HubCandidate | undefined> {
  for (const hub of options.hubs) {
    if (hub.server !== config.hubServer && (await wouldHave(options, { config, hub }))) return hub;
  }
  return undefined;
}

/** It answers who asks with what this agent has for it, and has not denied the cluster. */
async function wouldHave(
  { env, state, dialHub }: SeveralHubsOptions,
  { config, hub }: { config: KlusterletConfig; hub: HubCandidate },
): Promise<boolean> {
  const place = hub.server === config.hubServer ? state : state.ofHub(hub.server);
  const { token, ...given } = hub;
  // Its authorities may have been rolled since it was named.
  const address = { ...given, ca: (await place.readConfig())?.hubCa ?? given.ca };
  const saved = await place.readCredentials();
  const ways: HubAddress[] = [
    ...(saved !== undefined && !isExpired(saved, env.clock)
      ? [{ ...address, credentials: () => saved }]
      : []),
    { ...address, token },
  ];
  for (const way of ways) {
    const transport = dialHub(way);
    try {
      const client = createClient(transport, { userAgent: 'klusterlet' });
      const key = { name: config.clusterName };
      const options = { timeoutMs: askTimeoutMs };
      return !isDenied(await client.get<ManagedCluster>(wellKnown.managedClusters, key, options));
    } catch (error) {
      if (hasReason(error, 'NotFound')) return true;
      env.log.debug('a hub would not have this cluster', { hub: hub.server, error: String(error) });
    } finally {
      await transport.close();
    }
  }
  return false;
}

interface Watch {
  readonly observer: HubObserver;
  /** The hub to move to; undefined when the signal aborts first. */
  readonly decided: Promise<HubCandidate | undefined>;
}

function watchHub(options: SeveralHubsOptions, signal: AbortSignal): Watch {
  const { env, config, hubs, hubConnectionTimeoutSeconds } = options;
  let answeredMs = env.clock.monotonicMs();
  let isAccepted = true;
  const isWell = async (): Promise<boolean> => {
    const now = env.clock.monotonicMs();
    if (!isAccepted || now - answeredMs <= hubConnectionTimeoutSeconds * 1000) return isAccepted;
    const current = hubs.find(({ server }) => server === config.hubServer);
    if (current === undefined || !(await wouldHave(options, { config, hub: current }))) return false;
    answeredMs = now; // it answers, but takes no heartbeats yet: an operator has still to accept the cluster
    return true;
  };
  const decide = async (): Promise<HubCandidate | undefined> => {
    while (!signal.aborted) {
      await sleep(env.clock, pollMs, signal).catch(() => undefined); // only an abort, which ends the loop
      if (signal.aborted || (await isWell())) continue;
      const other = await firstOther(options, config);
      if (other !== undefined) return other;
    }
    return undefined;
  };
  return {
    observer: {
      onHeartbeat: () => {
        answeredMs = env.clock.monotonicMs();
      },
      onAcceptance: (accepted) => {
        isAccepted = accepted;
      },
    },
    decided: decide(),
  };
}
