/** Checks of a hub that can be reached: that it is one, and what a token is worth there. */
import { clusterGroupName, hasReason, StatusError, workGroupName } from '@flotilla/api';
import type { KubeClient } from '@flotilla/kube';
import { CheckError, type Finding, failure, formatRight, missingRights, ok } from '@flotilla/kube/cli';

const timeoutMs = 10_000;
const needed = [
  { group: clusterGroupName, version: 'v1', resource: 'managedclusters' },
  { group: workGroupName, version: 'v1', resource: 'manifestworks' },
];

/** @throws CheckError naming the kind that is not served. */
export async function checkHubApi(hub: KubeClient): Promise<Finding> {
  const { gitVersion = 'unknown' } = JSON.parse(await hub.getText('/version', { timeoutMs })) as {
    gitVersion?: string;
  };
  for (const { group, version, resource } of needed) {
    try {
      const text = await hub.getText(`/apis/${group}/${version}`, { timeoutMs });
      const { resources = [] } = JSON.parse(text) as { resources?: { name: string }[] }; // APIResourceList
      if (resources.some(({ name }) => name === resource)) continue;
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !(error instanceof StatusError && error.code === 404)) throw error;
    }
    throw new CheckError(
      `the server does not serve ${resource}.${group}/${version}: it is an API server, and no hub`,
      'give the address of a hub; on a cluster that is to become one, install the hub first',
    );
  }
  return ok(
    `it serves ${needed.map(({ resource, version }) => `${resource}/${version}`).join(' and ')} (${gitVersion})`,
  );
}

/** Whether a token may ask to join. @throws CheckError with the hub's own words when it is not good. */
export async function checkToken(hub: KubeClient): Promise<Finding> {
  const rights = [
    { verb: 'create', group: 'certificates.k8s.io', resource: 'certificatesigningrequests' },
    { verb: 'create', group: clusterGroupName, resource: 'managedclusters' },
  ];
  try {
    const missing = await missingRights(hub, rights);
    if (missing.length === 0) return ok('the hub knows the token, and it may ask to join');
    return failure(
      `the token may not ${missing.map(formatRight).join(', ')}`,
      'make a join string with "hub token create"; a bootstrap kubeconfig of another hub needs the rights that its documentation names',
    );
  } catch (error) {
    if (!(error instanceof StatusError) || error.code !== 401) throw error;
    const why = error.message
      .replace(/^Unauthorized: /, '')
      .replace(/; make a new one with "hub token create"$/, '');
    throw new CheckError(
      `the hub refused the token (token): ${why}`,
      'make a new join string with "hub token create"',
    );
  }
}
