/** Objects by the names that a user types: one that is not there is told with a name that may be meant. */
import {
  clusterGroupName,
  hasReason,
  type KubeObject,
  type ManagedCluster,
  type ManifestWork,
  newNotFound,
  workGroupName,
} from '@flotilla/api';
import { type KubeClient, wellKnown } from '@flotilla/kube';
import { didYouMean } from '@flotilla/kube/cli';

/** @throws Error in the words of the API, with a name that may be meant. */
export async function mustFindCluster(client: KubeClient, name: string): Promise<ManagedCluster> {
  const { items } = await client.list<ManagedCluster>(wellKnown.managedClusters, {
    fieldSelector: `metadata.name=${name}`,
  });
  if (items[0] !== undefined) return items[0];
  const all = await client.list<ManagedCluster>(wellKnown.managedClusters, { metadataOnly: true });
  const { message } = newNotFound({ group: clusterGroupName, resource: 'managedclusters', name });
  throw new Error(`${message}${didYouMean(name, namesOf(all.items))}`);
}

/** @throws Error as `mustFindCluster`; of the cluster, when that is not there. */
export async function mustFindWork(
  client: KubeClient,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<ManifestWork> {
  try {
    return await client.get<ManifestWork>(wellKnown.manifestWorks, { namespace, name });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
  const { items } = await client.list<ManifestWork>(wellKnown.manifestWorks, {
    namespace,
    metadataOnly: true,
  });
  if (items.length === 0) await mustFindCluster(client, namespace);
  const { message } = newNotFound({ group: workGroupName, resource: 'manifestworks', name });
  throw new Error(`${message} in ${namespace}${didYouMean(name, namesOf(items))}`);
}

function namesOf(objects: readonly KubeObject[]): readonly string[] {
  return objects.map(({ metadata }) => metadata.name ?? '');
}
