/**
 * What the agent says of its cluster on the hub: joined, available, version, capacity, claims. The plan is pure;
 * `status-controller.ts` gathers the facts and writes. Rules: registration.md 3.2.
 */
import {
  addQuantities,
  type ConditionUpdate,
  clusterCondition,
  clusterReason,
  formatQuantity,
  formatTime,
  hubAuthoritiesAnnotation,
  isConditionTrue,
  type KubeObject,
  type ManagedCluster,
  parseQuantity,
  plansClaimName,
  reservedClusterClaims,
  setCondition,
  spokeOnlyLabel,
} from '@flotilla/api';
import { type NamespaceFailures, reportNamespaces } from './managed-namespaces.js';

/** What was seen of the managed cluster. */
export interface ClusterFacts {
  /** Why its API server does not answer; undefined: it does. */
  readonly unavailableBecause: string | undefined;
  readonly kubernetesVersion: string | undefined;
  readonly nodes: readonly KubeObject[];
  readonly claims: readonly KubeObject[];
  /** They win over claims of the same name. */
  readonly properties: readonly KubeObject[];
  /** Undefined: the cluster's namespaces are not known yet. */
  readonly namespaceFailures: NamespaceFailures | undefined;
  readonly certificate: CertificateState | undefined;
}

export interface StatusOptions {
  readonly nowMs: number;
  readonly maxCustomClaims: number;
  /** Claims whose names end so are reported like those of OCM's reserved names: first, and never cut. */
  readonly reservedClaimSuffixes: readonly string[];
}

const longestClaimValue = 1024;

type ClusterStatus = NonNullable<ManagedCluster['status']>;

/** The new status; undefined when the hub has not accepted the cluster, or its clock makes the hub distrust ours. */
export function planClusterStatus(
  cluster: ManagedCluster,
  facts: ClusterFacts,
  options: StatusOptions,
): ClusterStatus | undefined {
  if (!isConditionTrue(cluster, clusterCondition.hubAccepted)) return undefined;
  const clockSynced = cluster.status?.conditions?.find(({ type }) => type === clusterCondition.clockSynced);
  // OCM's hub judges heartbeats by their time, and would turn what is written into Unknown. A hub of ours, which names
  // its authorities, goes by when they arrive.
  const goesByArrival = cluster.metadata.annotations?.[hubAuthoritiesAnnotation] !== undefined;
  if (clockSynced?.status === 'False' && !goesByArrival) return undefined;
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
  if (facts.certificate !== undefined)
    conditions = setCondition(conditions, certificateCondition(facts.certificate), options.nowMs);
  const { managedNamespaces } = cluster.status ?? {};
  const status: ClusterStatus = {
    ...cluster.status,
    conditions,
    ...(managedNamespaces &&
      facts.namespaceFailures && {
        managedNamespaces: reportNamespaces(managedNamespaces, facts.namespaceFailures, options.nowMs),
      }),
  };
  if (facts.unavailableBecause !== undefined) return status;
  return {
    ...status,
    ...(facts.kubernetesVersion !== undefined && { version: { kubernetes: facts.kubernetesVersion } }),
    ...resourcesOf(facts.nodes, status),
    ...claimsOf(facts, options),
  };
}

function availableCondition({ unavailableBecause }: ClusterFacts): ConditionUpdate {
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

/** Of the agent's client certificate, once it has been renewed or should have been. */
export type CertificateState =
  | { readonly notBeforeMs: number; readonly notAfterMs: number }
  | { readonly failedBecause: string };

function certificateCondition(state: CertificateState): ConditionUpdate {
  const type = clusterCondition.certificateRotated;
  if ('failedBecause' in state) {
    const message = `Failed to rotate client certificate: ${state.failedBecause}`;
    return { type, status: 'False', reason: clusterReason.certificateUpdateFailed, message };
  }
  const [from, to] = [state.notBeforeMs, state.notAfterMs].map((ms) => formatTime(ms));
  return {
    type,
    status: 'True',
    reason: clusterReason.certificateUpdated,
    message: `client certificate rotated starting from ${from} to ${to}`,
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
function claimsOf(
  { claims, properties }: Pick<ClusterFacts, 'claims' | 'properties'>,
  { maxCustomClaims, reservedClaimSuffixes }: StatusOptions,
): Pick<ClusterStatus, 'clusterClaims'> {
  const names = new Set<string>(reservedClusterClaims);
  const isReserved = (name: string): boolean =>
    names.has(name) || reservedClaimSuffixes.some((suffix) => name.endsWith(suffix));
  const shown = [...valuesOf([...claims, ...properties])]
    .map(([name, value]) => ({ name, value }))
    .filter(({ name }) => name !== plansClaimName)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const first = shown.filter(({ name }) => isReserved(name));
  const custom = shown.filter(({ name }) => !isReserved(name)).slice(0, maxCustomClaims);
  return { clusterClaims: [...first, ...custom, { name: plansClaimName, value: 'v1' }] };
}

/** Values of claims and properties by name; the last of a name counts. */
function valuesOf(objects: readonly KubeObject[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const { metadata, ...rest } of objects) {
    if (metadata.labels?.[spokeOnlyLabel] !== undefined) continue;
    const { value = '' } = (rest as { spec?: { value?: string } }).spec ?? {}; // ClusterClaim, ClusterProperty
    // The status takes no longer ones; a property can be longer.
    if (metadata.name && value !== '' && value.length <= longestClaimValue) values.set(metadata.name, value);
  }
  return values;
}
