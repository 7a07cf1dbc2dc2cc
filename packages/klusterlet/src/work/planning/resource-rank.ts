/**
 * The order in which the objects of a work are applied: what others live in first. Deletion goes the other way.
 * By plural resource alone, since that is what the inventory remembers; OCM's order goes by kind alone. Pure.
 */
const ranks: readonly (readonly string[])[] = [
  [
    'priorityclasses',
    'namespaces',
    'customresourcedefinitions',
    'storageclasses',
    'persistentvolumes',
    'podsecuritypolicies',
  ],
  ['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'],
  ['networkpolicies', 'resourcequotas', 'limitranges', 'poddisruptionbudgets', 'serviceaccounts'],
  ['secrets', 'configmaps', 'persistentvolumeclaims'],
  ['services'],
  [
    'daemonsets',
    'pods',
    'replicationcontrollers',
    'replicasets',
    'deployments',
    'horizontalpodautoscalers',
    'statefulsets',
    'jobs',
    'cronjobs',
  ],
  [
    'apiservices',
    'mutatingwebhookconfigurations',
    'validatingwebhookconfigurations',
    'validatingadmissionpolicies',
    'validatingadmissionpolicybindings',
  ],
];

const rankOf = new Map(ranks.flatMap((resources, rank) => resources.map((resource) => [resource, rank])));

/** Custom resources and whatever else is not in the table. */
const lastRank = 1000;

/** Lower is applied earlier and deleted later. */
export function resourceRank(resource: string): number {
  return rankOf.get(resource) ?? lastRank;
}

/** The items in groups of equal rank, lowest first; the order inside a group stays. */
export function groupByRank<T>(items: readonly T[], resourceOf: (item: T) => string): T[][] {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const rank = resourceRank(resourceOf(item));
    const group = groups.get(rank) ?? [];
    group.push(item);
    groups.set(rank, group);
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
}
