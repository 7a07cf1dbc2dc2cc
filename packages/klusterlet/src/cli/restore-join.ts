/** From the copy of the credentials in the managed cluster back to a data directory: for one that was lost whole. */
import type { Env } from '@flotilla/kube';
import { hubKubeconfig, readSecondCopy } from '../registration/second-copy.js';
import type { KlusterletConfig, KlusterletState } from '../registration/state.js';
import { connectManaged, managedKubeconfig } from './connections.js';

/** Undefined: the managed cluster cannot be reached, or holds no copy. What the works were, the hub tells. */
export async function restoreJoin(
  state: KlusterletState,
  { env, kubeconfig: given }: { env: Env; kubeconfig: string | undefined },
): Promise<KlusterletConfig | undefined> {
  const kubeconfig = managedKubeconfig(given);
  if (kubeconfig !== undefined && (await env.files.read(kubeconfig)) === undefined) return undefined;
  const { client } = await connectManaged(env, kubeconfig);
  try {
    const copy = await readSecondCopy(client);
    if (copy === undefined) return undefined;
    const { credentials, clusterName, agentId, hubServer, hubCa, proxyUrl } = copy;
    const config: KlusterletConfig = {
      formatVersion: 1,
      clusterName,
      agentId,
      hubServer,
      hubCa,
      ...(proxyUrl !== undefined && { proxyUrl }),
      ...(kubeconfig !== undefined && { kubeconfig }),
    };
    await state.writeConfig(config);
    await state.writeCredentials(credentials, { kubeconfig: hubKubeconfig(copy), clusterName, agentId });
    env.log.warn('data directory restored from the copy in the managed cluster', { cluster: clusterName });
    return config;
  } catch (error) {
    env.log.warn('the managed cluster could not be asked for a copy of the hub credentials', {
      error: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  } finally {
    await client.transport.close();
  }
}
