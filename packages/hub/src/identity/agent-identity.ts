/** Which cluster a user acts for, by what RBAC goes by: its groups. Pure. */
import { agentUserPrefix, managedClustersGroup } from '@flotilla/api';

const aliasPrefix = 'open-cluster-management:';

/**
 * The cluster whose agent the user is; undefined for everybody else, add-ons and administrators among them. The group
 * counts and not the name, since rights are given to the group.
 */
export function agentCluster({ groups }: { readonly groups: readonly string[] }): string | undefined {
  if (groups.includes('system:masters')) return undefined;
  for (const group of groups) {
    if (group === managedClustersGroup) continue;
    const prefix = [agentUserPrefix, aliasPrefix].find((one) => group.startsWith(one));
    const cluster = prefix === undefined ? '' : group.slice(prefix.length);
    // With a colon it is the group of an add-on.
    if (cluster !== '' && !cluster.includes(':')) return cluster;
  }
  return undefined;
}
