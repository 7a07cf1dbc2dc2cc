/**
 * Cluster sets: the sets `default` and `global` exist on every hub and select what they should, and every set tells
 * how many clusters it has (registration.md 4.2). Clusters that come and go in numbers are counted once a second.
 */
import {
  autoUpdateAnnotation,
  type ConditionUpdate,
  clusterSetCondition,
  clusterSetLabel,
  clusterSetReason,
  defaultClusterSetName,
  equal,
  globalClusterSetName,
  hasReason,
  hubFieldManager,
  labelSelectorFromObject,
  type ManagedCluster,
  type ManagedClusterSet,
  matchesLabels,
  nothingSelector,
  type ParsedLabelSelector,
  setCondition,
} from '@flotilla/api';
import { type Controller, createController } from '@flotilla/kube';
import { yieldingToOthers } from './cluster-write.js';
import { clusterSetsRef, type HubContext } from './context.js';

const countDelayMs = 1000;

type Labels = Readonly<Record<string, string>> | undefined;
type Selector = NonNullable<ManagedClusterSet['spec']>['clusterSelector'];

/** What the sets of every hub select. */
const standardSelectors: ReadonlyMap<string, NonNullable<Selector>> = new Map([
  [defaultClusterSetName, { selectorType: 'ExclusiveClusterSetLabel' as const }],
  [globalClusterSetName, { selectorType: 'LabelSelector' as const, labelSelector: {} }],
]);

export function createClusterSetController(context: HubContext): Controller {
  const { clusters, clusterSets } = context;
  const bySet = clusters.cache.addIndex(({ metadata }) => {
    const set = metadata.labels?.[clusterSetLabel];
    return set === undefined ? [] : [set];
  });
  const count = (set: ManagedClusterSet): number => {
    if (isExclusive(set)) return bySet(set.metadata.name ?? '').length;
    const selector = labelSelectorOf(set);
    if (selector.requirements.length === 0) return selector.matchesNothing ? 0 : clusters.cache.size;
    return clusters.cache.list().filter(({ metadata }) => matchesLabels(selector, metadata.labels)).length;
  };
  const controller = createController({
    name: 'cluster-sets',
    env: context.env,
    reconcile: yieldingToOthers((name) => reconcile(context, { name, count })),
  });
  clusterSets.onChange(({ object }) => controller.enqueue(object.metadata.name ?? ''));
  clusters.onChange(({ type, object, old }) => {
    const before = type === 'deleted' ? object : old;
    const after = type === 'deleted' ? undefined : object;
    if (before && after && equal(before.metadata.labels, after.metadata.labels)) return;
    for (const name of changedSets(clusterSets.cache.list(), { before, after })) {
      controller.enqueueAfter(name, countDelayMs);
    }
  });
  for (const name of standardSelectors.keys()) controller.enqueue(name);
  return controller;
}

async function reconcile(
  { client, env, clusterSets }: HubContext,
  { name, count }: { name: string; count: (set: ManagedClusterSet) => number },
): Promise<undefined> {
  const set = clusterSets.cache.get(name);
  const standard = standardSelectors.get(name);
  if (set === undefined) {
    if (standard !== undefined) await createSet({ client }, name, standard);
    return;
  }
  if (set.metadata.deletionTimestamp !== undefined) return;
  const { uid, resourceVersion } = set.metadata;
  const guard = { uid, resourceVersion };
  const clusterSelector = planRestoredSelector(set);
  if (clusterSelector !== undefined) {
    const body = { metadata: guard, spec: { clusterSelector } };
    await client.patch(clusterSetsRef, { name }, { type: 'merge', body, fieldManager: hubFieldManager });
    return;
  }
  const before = set.status?.conditions ?? [];
  const conditions = setCondition(before, planEmptyCondition(count(set)), env.clock.now());
  if (conditions === before) return;
  await client.patch(
    clusterSetsRef,
    { name },
    {
      type: 'merge',
      subresource: 'status',
      body: { metadata: guard, status: { conditions } },
      fieldManager: hubFieldManager,
    },
  );
}

async function createSet(
  { client }: Pick<HubContext, 'client'>,
  name: string,
  clusterSelector: object,
): Promise<void> {
  const { group, version } = clusterSetsRef;
  const set: ManagedClusterSet = {
    apiVersion: `${group}/${version}`,
    kind: 'ManagedClusterSet',
    metadata: { name },
    spec: { clusterSelector },
  } as ManagedClusterSet; // the selectors above are of the kind's type
  try {
    await client.create(clusterSetsRef, set, { fieldManager: hubFieldManager });
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
}

/** A merge patch of the selector of a set that every hub has; undefined when it is right or its owner wants it so. */
export function planRestoredSelector(set: ManagedClusterSet): object | undefined {
  const standard = standardSelectors.get(set.metadata.name ?? '');
  if (standard === undefined || set.metadata.annotations?.[autoUpdateAnnotation] === 'false')
    return undefined;
  if (equal(set.spec?.clusterSelector, standard)) return undefined;
  // A merge patch of {} changes nothing: what stands in the selector is taken out by name.
  const labelSelector =
    standard.labelSelector === undefined ? null : { matchLabels: null, matchExpressions: null };
  return { selectorType: standard.selectorType, labelSelector };
}

export function planEmptyCondition(count: number): ConditionUpdate {
  return count === 0
    ? {
        type: clusterSetCondition.empty,
        status: 'True',
        reason: clusterSetReason.noClusterMatched,
        message: 'No ManagedCluster selected',
      }
    : {
        type: clusterSetCondition.empty,
        status: 'False',
        reason: clusterSetReason.clustersSelected,
        message: `${count} ManagedClusters selected`,
      };
}

/** Names of the sets that a cluster entered or left; before or after is undefined when it came or went. */
export function changedSets(
  sets: readonly ManagedClusterSet[],
  { before, after }: { before: ManagedCluster | undefined; after: ManagedCluster | undefined },
): string[] {
  return sets
    .filter((set) => isIn(set, before) !== isIn(set, after))
    .map(({ metadata }) => metadata.name ?? '');
}

function isIn(set: ManagedClusterSet, cluster: ManagedCluster | undefined): boolean {
  if (cluster === undefined) return false;
  const labels: Labels = cluster.metadata.labels;
  if (isExclusive(set)) return labels?.[clusterSetLabel] === set.metadata.name;
  return matchesLabels(labelSelectorOf(set), labels);
}

function isExclusive(set: ManagedClusterSet): boolean {
  return set.spec?.clusterSelector?.selectorType !== 'LabelSelector';
}

/** The schema lets operators pass that no selector has; a set with one has no clusters. */
function labelSelectorOf(set: ManagedClusterSet): ParsedLabelSelector {
  try {
    return labelSelectorFromObject(set.spec?.clusterSelector?.labelSelector);
  } catch (error) {
    if (hasReason(error, 'BadRequest')) return nothingSelector;
    throw error;
  }
}
