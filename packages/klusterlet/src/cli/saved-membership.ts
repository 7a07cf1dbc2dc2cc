/**
 * What a hub makes of a klusterlet that has joined it before and is told to join again: whether it still is a member,
 * its certificate is refused, or its cluster was removed meanwhile. Changes nothing; called by `prepare-join.ts`.
 */
import { hasReason } from '@flotilla/api';
import { createClient, type Env, wellKnown } from '@flotilla/kube';
import { type HubAddress, hubAt } from '../hub-address.js';
import { refusalOf } from '../registration/recovery.js';
import type { HubCredentials, KlusterletConfig } from '../registration/state.js';
import { dialHub } from './connections.js';

/**
 * `known` also when the hub is away, which says nothing against the credentials; `forgotten`: the hub believes them, and
 * has no cluster of the name.
 */
export type Membership = 'known' | 'refused' | 'forgotten';

/** `token`: what the user joins with now. */
export async function askHubAbout(
  config: KlusterletConfig,
  { saved, token, env }: { saved: HubCredentials; token: string; env: Env },
): Promise<Membership> {
  try {
    if (await isReadable(config, { env, credential: { credentials: () => saved } })) return 'known';
  } catch (error) {
    return refusalOf(error) === undefined ? 'known' : 'refused';
  }
  // Who may not read it knows nothing of it; who joins with a token may ask whether its name is free.
  try {
    await findCluster(config, { env, credential: { token } });
    return 'known';
  } catch (error) {
    return hasReason(error, 'NotFound') ? 'forgotten' : 'known';
  }
}

interface Asking {
  readonly env: Env;
  readonly credential: Pick<HubAddress, 'credentials' | 'token'>;
}

/** @throws what the hub, or the way to it, answers but that it lets nobody see the cluster. */
async function isReadable(config: KlusterletConfig, asking: Asking): Promise<boolean> {
  try {
    await findCluster(config, asking);
    return true;
  } catch (error) {
    if (refusalOf(error) !== undefined || !hasReason(error, 'Forbidden', 'NotFound')) throw error;
    return false;
  }
}

async function findCluster(config: KlusterletConfig, { env, credential }: Asking): Promise<void> {
  const transport = dialHub(env, { ...hubAt(config), ...credential });
  try {
    await createClient(transport, { userAgent: 'klusterlet' }).get(
      wellKnown.managedClusters,
      { name: config.clusterName },
      { timeoutMs: 10_000 },
    );
  } finally {
    await transport.close();
  }
}
