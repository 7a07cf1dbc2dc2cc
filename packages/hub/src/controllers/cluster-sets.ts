/**
 * Cluster sets: the sets `default` and `global` exist on every hub and select what they should, and every set tells
 * how many clusters it has (registration.md 4.2). Clusters that come and go in numbers are counted once a second.
 */
import {
  autoUpdateAnnotation,
  type ConditionUpdate,
  clusterSetCondition,
  clusterSetReason,
  defaultClusterSetName,
  equal,
  globalClusterSetName,
  hasReason,
  hubFieldManager,
  type ManagedCluster,
  type ManagedClusterSet,
  setCondition,
} from '@flotilla/api';
import { type Controller, createController, patchStatus } from '@flotilla/kube';
import { yieldingToOthers } from './cluster-write.js';
import { clusterSetsRef, type HubContext } from './context.js';
import { isInSet } from './set-membership.js';

const countDelayMs = 1000;

type Selector = NonNullable<ManagedClusterSet['spec']>['clusterSelector'];

/** What the sets of every hub select. */
const standardSelectors: ReadonlyMap<string, NonNullable<Selector>> = new Map([
  [defaultClusterSetName, { selectorType: 'ExclusiveClusterSetLabel' as const }],
  [globalClusterSetName, { selectorType: 'LabelSelector' as const, labelSelector: {} }],
]);

export function createClusterSetController(context: HubContext): Controller {
  const { clusters, clusterSets } = context;
  const controller = createController({
    name: 'cluster-sets',
    env: context.env,
    reconcile: yieldingToOthers((name) => reconcile(context, name)),
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
  { client, env, clusterSets, membership }: HubContext,
  name: string,
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
  const conditions = setCondition(before, planEmptyCondition(membership.countOf(set)), env.clock.now());
  if (conditions === before) return;
  await patchStatus(client, {
    resource: clusterSetsRef,
    object: set,
    status: { conditions },
    fieldManager: hubFieldManager,
  });
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
    .filter((set) => isInSet(set, before) !== isInSet(set, after))
    .map(({ metadata }) => metadata.name ?? '');
}
