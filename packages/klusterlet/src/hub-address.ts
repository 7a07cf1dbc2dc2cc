/** Where a hub is, what it is known by, and what an agent shows there. */
import type { HubCredentials, KlusterletConfig } from './registration/state.js';

/** How a hub is reached; the certificate may change while the transport lives. */
export interface HubAddress {
  readonly server: string;
  /** Asked in turn when the one before cannot be reached. */
  readonly alternatives?: readonly string[];
  /** What gives the bundle at each dial, where it may change meanwhile. */
  readonly ca: string | (() => string);
  /** Of the proxy through which it is reached. */
  readonly proxyUrl?: string;
  readonly credentials?: () => HubCredentials | undefined;
  readonly token?: string;
}

/** Where the hub of a configuration is. */
export function hubAt({ hubServer, hubAlternatives, hubCa, proxyUrl }: KlusterletConfig): HubAddress {
  return {
    server: hubServer,
    ca: hubCa,
    ...(hubAlternatives && { alternatives: hubAlternatives }),
    ...(proxyUrl !== undefined && { proxyUrl }),
  };
}
