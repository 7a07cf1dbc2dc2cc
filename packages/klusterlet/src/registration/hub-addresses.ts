/**
 * Keeps the addresses that the hub tells of itself, so that the agent goes on when the one that it joined at is gone. An
 * address may be one of later, at which nobody listens yet, so it is kept untried; what proves it is each connection: the
 * server there has to show a certificate of the hub's authorities before anything is asked of it. What the user gave is
 * kept besides, and a hub that tells nothing takes nothing away.
 */
import {
  clusterCondition,
  equal,
  hubAddressesAnnotation,
  isConditionTrue,
  type ManagedCluster,
} from '@flotilla/api';
import { type Controller, createController, type Env, type Informer } from '@flotilla/kube';

export interface HubAddressesOptions {
  readonly clusterName: string;
  readonly env: Env;
  readonly cluster: Informer<ManagedCluster>;
  /** What this agent has kept. */
  readonly known: () => readonly string[];
  /** Must have saved them when it resolves. */
  readonly adopt: (addresses: readonly string[]) => Promise<void>;
}

/** More than a hub has; a list that is longer is cut. */
export const maxHubAddresses = 16;

export function createHubAddressesFollower(options: HubAddressesOptions): Controller {
  const { clusterName, cluster, env, known, adopt } = options;
  const controller = createController({
    name: 'hub-addresses',
    env,
    reconcile: async () => {
      const own = cluster.cache.get(clusterName);
      const told = own?.metadata.annotations?.[hubAddressesAnnotation];
      if (own === undefined || told === undefined || !isConditionTrue(own, clusterCondition.hubAccepted))
        return undefined;
      const addresses = parseHubAddresses(told);
      if (addresses.length === 0 || equal(addresses, known())) return undefined;
      await adopt(addresses);
      env.log.info('addresses of the hub taken over', { addresses: addresses.join(',') });
      return undefined;
    },
  });
  cluster.onChange(() => controller.enqueue(clusterName));
  return controller;
}

/** Each once; what is no https URL of a server is left out. */
export function parseHubAddresses(told: string): readonly string[] {
  const urls = told
    .split(',')
    .map((text) => text.trim())
    .filter(isAddress);
  return [...new Set(urls)].slice(0, maxHubAddresses);
}

function isAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === 'https:' && url.username === '' && url.search === '' && url.hash === '';
}
