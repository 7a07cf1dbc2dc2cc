/**
 * The namespaces that cluster sets of this hub want in the managed cluster: makes them, keeps them marked as this
 * hub's, and reports each. One that is wanted no more loses the mark and stays, with all that is in it
 * (registration.md 3.2). Plans are pure; `status-controller.ts` calls.
 */
import {
  clusterSetNamespaceLabelPrefix,
  type KubeObject,
  type ManagedCluster,
  type ManagedNamespaceStatus,
  namespaceCondition,
  namespaceReason,
  setCondition,
} from '@flotilla/api';
import { type Informer, type KubeClient, wellKnown } from '@flotilla/kube';
import { hashHub } from '../work/inventory/inventories.js';
import { applyMarked } from './managed-definitions.js';

/** The mark of one hub; another hub of the same cluster has another. */
export function managedNamespaceLabel(hubServer: string): string {
  return `${clusterSetNamespaceLabelPrefix}${hashHub(hubServer).slice(0, 63)}`;
}

export interface NamespacePlan {
  /** To be made, or marked as managed. */
  readonly apply: readonly string[];
  readonly unmark: readonly string[];
}

/** `marked`: names of the namespaces that have the mark with the value `true`. */
export function planNamespaces(cluster: ManagedCluster, marked: ReadonlySet<string>): NamespacePlan {
  const isLeaving = cluster.metadata.deletionTimestamp !== undefined;
  const entries = isLeaving ? [] : (cluster.status?.managedNamespaces ?? []);
  const wanted = new Set(entries.map(({ name }) => name));
  return {
    apply: [...wanted].filter((name) => !marked.has(name)),
    unmark: [...marked].filter((name) => !wanted.has(name)),
  };
}

/** Why it failed, by name of the namespace; those that are not named are as they should be. */
export type NamespaceFailures = ReadonlyMap<string, string>;

export async function applyNamespaces(
  cluster: ManagedCluster,
  { managed, marked, label }: { managed: KubeClient; marked: Informer<KubeObject>; label: string },
): Promise<NamespaceFailures> {
  const names = new Set(marked.cache.list().map(({ metadata }) => metadata.name ?? ''));
  const { apply, unmark } = planNamespaces(cluster, names);
  const failures = new Map<string, string>();
  for (const [name, value] of [
    ...apply.map((one) => [one, 'true'] as const),
    ...unmark.map((one) => [one, 'false'] as const),
  ]) {
    try {
      const metadata = { name, labels: { [label]: value } };
      await applyMarked(managed, wellKnown.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata });
    } catch (error) {
      failures.set(name, error instanceof Error ? error.message : String(error));
    }
  }
  return failures;
}

/** The entries of the cluster's status with what has become of them. */
export function reportNamespaces(
  entries: readonly ManagedNamespaceStatus[],
  failures: NamespaceFailures,
  nowMs: number,
): ManagedNamespaceStatus[] {
  return entries.map((entry) => {
    const failure = failures.get(entry.name);
    const condition = {
      type: namespaceCondition.available,
      ...(failure === undefined
        ? {
            status: 'True' as const,
            reason: namespaceReason.applied,
            message: 'Namespace successfully applied and managed',
          }
        : {
            status: 'False' as const,
            reason: namespaceReason.applyFailed,
            message: `Failed to apply namespace: ${failure}`,
          }),
    };
    return { ...entry, conditions: setCondition(entry.conditions, condition, nowMs) };
  });
}
