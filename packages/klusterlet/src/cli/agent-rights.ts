/** What an agent needs to be allowed on its hub; for the doctor, and for the status of a Klusterlet. Pure. */
import { clusterGroupName, managedClusterLeaseName, workGroupName } from '@flotilla/api';
import type { Right } from '@flotilla/kube/cli';

export function agentRights(cluster: string): Right[] {
  const own = { namespace: cluster };
  const works = { group: workGroupName, resource: 'manifestworks' };
  return [
    { verb: 'get', group: clusterGroupName, resource: 'managedclusters', name: cluster },
    {
      verb: 'patch',
      group: clusterGroupName,
      resource: 'managedclusters',
      subresource: 'status',
      name: cluster,
    },
    { verb: 'create', group: 'certificates.k8s.io', resource: 'certificatesigningrequests' },
    {
      verb: 'update',
      group: 'coordination.k8s.io',
      resource: 'leases',
      ...own,
      name: managedClusterLeaseName,
    },
    { verb: 'list', ...works, ...own },
    { verb: 'watch', ...works, ...own },
    { verb: 'patch', ...works, subresource: 'status', ...own },
  ];
}
