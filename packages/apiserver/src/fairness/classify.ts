/**
 * Which priority level a request belongs to, and whose flow in it: the levels of kube-apiserver's default priority and
 * fairness configuration, as far as this server has such callers. Pure.
 */
import { agentUserPrefix, managedClustersGroup } from '@flotilla/api';
import type { UserInfo } from '../authentication/user.js';
import type { RequestInfo } from '../server/request-info.js';

/** From the most to the least urgent. */
export const levelNames = [
  'exempt',
  'leader-election',
  'node-high',
  'workload-high',
  'workload-low',
  'global-default',
  'catch-all',
] as const;

export type LevelName = (typeof levelNames)[number];

export interface Classification {
  readonly level: LevelName;
  /** Requests of one flow wait for each other, never for those of another. */
  readonly flow: string;
}

const exempt: Classification = { level: 'exempt', flow: '' };
const healthPaths = /^\/(?:healthz|livez|readyz)(?:\/|$)/;

/** `address`: where callers without a name of their own come from. */
export function classify(info: RequestInfo, user: UserInfo, address: string): Classification {
  const { groups, username } = user;
  if (groups.includes('system:masters')) return exempt;
  if (!info.isResource && healthPaths.test(info.path)) return exempt;
  // Who shows nothing gets nothing that others wait for, leases included.
  if (groups.includes('system:unauthenticated')) return { level: 'catch-all', flow: address };
  if (info.resource === 'leases' && info.group === 'coordination.k8s.io') {
    return { level: 'leader-election', flow: flowOf(user, address) };
  }
  if (groups.includes(managedClustersGroup) || groups.includes('system:nodes')) {
    return { level: 'node-high', flow: flowOf(user, address) };
  }
  if (groups.includes('system:serviceaccounts:kube-system') || username.startsWith('system:kube-')) {
    return { level: 'workload-high', flow: username };
  }
  if (groups.includes('system:serviceaccounts')) return { level: 'workload-low', flow: username };
  return { level: 'global-default', flow: flowOf(user, address) };
}

/** One for each cluster, whatever its agents are called; joining clusters share one token, but no address. */
function flowOf({ groups, username }: UserInfo, address: string): string {
  const cluster = groups.find((group) => group.startsWith(agentUserPrefix) && group !== managedClustersGroup);
  if (cluster !== undefined) return cluster;
  return groups.includes('system:bootstrappers') ? `${username} ${address}` : username;
}
