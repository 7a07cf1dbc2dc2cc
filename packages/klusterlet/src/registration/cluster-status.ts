/**
 * What the agent says of its cluster on the hub: joined, available, version, capacity, claims. The plan is pure;
 * `status-controller.ts` gathers the facts and writes. Rules: registration.md 3.2.
 */
import {
  addQuantities,
  type Condition,
  clusterCondition,
  clusterReason,
  formatQuantity,
  isConditionTrue,
  type KubeObject,
  type ManagedCluster,
  parseQuantity,
  plansClaimName,
  reservedClusterClaims,
  setCondition,
  spokeOnlyLabel,
} from '@flotilla/api';

/** What was seen of the managed cluster. */
export interface ClusterFacts {
  /** Why its API server does not answer; undefined: it does. */
  readonly unavailableBecause: string | undefined;
  readonly kubernetesVersion: string | undefined;
  readonly nodes: readonly KubeObject[];
  readonly claims: readonly KubeObject[];
}

export interface StatusOptions {
  readonly nowMs: number;
  readonly maxCustomClaims: number;
}

type ClusterStatus = NonNullable<ManagedCluster['status']>;

/** The new status; undefined when the hub has not accepted the cluster, or its clock makes the hub distrust ours. */
export function planClusterStatus(
  cluster: ManagedCluster,
  facts: ClusterFacts,
  options: StatusOptions,
): ClusterStatus | undefined {
  if (!isConditionTrue(cluster, clusterCondition.hubAccepted)) return undefined;
  const clockSynced = cluster.status?.conditions?.find(({ type }) => type === clusterCondition.clockSynced);
  if (clockSynced?.status === 'False') return undefined;
  let conditions = setCondition(
    cluster.status?.conditions,
    {
      type: clusterCondition.joined,
      status: 'True',
      reason: clusterReason.joined,
      message: 'Managed cluster joined',
    },
    options.nowMs,
  );
  conditions = setCondition(conditions, availableCondition(facts), options.nowMs);
  const status: ClusterStatus = { ...cluster.status, conditions };
  if (facts.unavailableBecause !== undefined) return status;
  return {
    ...status,
    ...(facts.kubernetesVersion !== undefined && { version: { kubernetes: facts.kubernetesVersion } }),
    ...resourcesOf(facts.nodes, status),
    ...claimsOf(facts.claims, options.maxCustomClaims),
  };
}

function availableCondition({ unavailableBecause }: ClusterFacts): Omit<Condition, 'lastTransitionTime'> {
  const type = clusterCondition.available;
  if (unavailableBecause === undefined) {
    return { type, status: 'True', reason: clusterReason.available, message: 'Managed cluster is available' };
  }
  return {
    type,
    status: 'False',
    reason: clusterReason.apiServerUnavailable,
    message: `The kube-apiserver is not ok: ${unavailableBecause}`,
  };
}

type Resources = Record<string, string>;

interface NodeParts {
  readonly spec?: { readonly unschedulable?: boolean };
  readonly status?: { readonly capacity?: Resources; readonly allocatable?: Resources };
}

/** Capacity counts all nodes, allocatable only those that take new pods. Foreign keys survive in capacity. */
function resourcesOf(
  nodes: readonly KubeObject[],
  before: ClusterStatus,
): Pick<ClusterStatus, 'capacity' | 'allocatable'> {
  const parts = nodes.map((node) => node as KubeObject & NodeParts); // v1 Node
  const capacity = { ...before.capacity, ...sum(parts.map((node) => node.status?.capacity ?? {})) };
  const schedulable = parts.filter((node) => node.spec?.unschedulable !== true);
  const allocatable = sum(schedulable.map((node) => node.status?.allocatable ?? {}));
  return {
    ...(Object.keys(capacity).length > 0 && { capacity }),
    ...(Object.keys(allocatable).length > 0 && { allocatable }),
  };
}

function sum(all: readonly Resources[]): Resources {
  const total: Resources = {};
  for (const resources of all) {
    for (const [name, quantity] of Object.entries(resources)) {
      const before = total[name];
      const parsed = parseQuantity(quantity);
      total[name] = formatQuantity(
        before === undefined ? parsed : addQuantities(parseQuantity(before), parsed),
      );
    }
  }
  return total;
}

/** Reserved claims, then custom ones, then what this agent can do. */
function claimsOf(claims: readonly KubeObject[], maxCustom: number): Pick<ClusterStatus, 'clusterClaims'> {
  const reserved = new Set<string>(reservedClusterClaims);
  const shown = claims
    .filter((claim) => claim.metadata.labels?.[spokeOnlyLabel] === undefined)
    .map((claim) => {
      const spec = claim['spec'] as { value?: string } | undefined; // ClusterClaimSpec
      return { name: claim.metadata.name ?? '', value: spec?.value ?? '' };
    })
    .filter(({ name, value }) => name !== '' && value !== '' && name !== plansClaimName)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const first = shown.filter(({ name }) => reserved.has(name));
  const custom = shown.filter(({ name }) => !reserved.has(name)).slice(0, maxCustom);
  return { clusterClaims: [...first, ...custom, { name: plansClaimName, value: 'v1' }] };
}
