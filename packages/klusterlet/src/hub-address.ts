/** Where a hub is, what it is known by, and what an agent shows there. */
import type { LiveConfig } from './agent-credentials.js';
import type { HubCredentials, KlusterletConfig } from './registration/state.js';

/** How a hub is reached; the certificate may change while the transport lives. */
export interface HubAddress {
  readonly server: string;
  /** Asked in turn when the one before cannot be reached; what gives them at each request, where they may change. */
  readonly alternatives?: readonly string[] | (() => readonly string[]);
  /** What gives the bundle at each dial, where it may change meanwhile. */
  readonly ca: string | (() => string);
  /** Of the proxy through which it is reached. */
  readonly proxyUrl?: string;
  readonly credentials?: () => HubCredentials | undefined;
  readonly token?: string;
}

/** Where the hub of a configuration is. */
export function hubAt(config: KlusterletConfig): HubAddress {
  const { hubServer, hubCa, proxyUrl } = config;
  const alternatives = alternativesOf(config);
  return {
    server: hubServer,
    ca: hubCa,
    ...(alternatives.length > 0 && { alternatives }),
    ...(proxyUrl !== undefined && { proxyUrl }),
  };
}

/** The same of a running agent: what the hub tells of itself counts as soon as it is saved. */
export function liveHubAt(config: LiveConfig): HubAddress {
  return { ...hubAt(config), ca: () => config.hubCa, alternatives: () => alternativesOf(config) };
}

/** Those of the user come first: the hub knows its addresses, and not which of them a cluster reaches best. */
export function alternativesOf({
  hubServer,
  hubAlternatives = [],
  hubAdvertised = [],
}: Pick<KlusterletConfig, 'hubServer' | 'hubAlternatives' | 'hubAdvertised'>): readonly string[] {
  return [...new Set([...hubAlternatives, ...hubAdvertised])].filter((url) => url !== hubServer);
}
