/** Which clusters are in which sets (registration.md 4.2): answered from the informers' caches. */
import {
  clusterSetLabel,
  hasReason,
  labelSelectorFromObject,
  type ManagedCluster,
  type ManagedClusterSet,
  matchesLabels,
  nothingSelector,
  type ParsedLabelSelector,
} from '@flotilla/api';
import type { Informer } from '@flotilla/kube';

export interface SetMembership {
  clustersOf(set: ManagedClusterSet): readonly ManagedCluster[];
  countOf(set: ManagedClusterSet): number;
}

/** One for all controllers: it keeps an index of the clusters. */
export function createSetMembership({ cache }: Pick<Informer<ManagedCluster>, 'cache'>): SetMembership {
  const byLabel = cache.addIndex(({ metadata }) => {
    const set = metadata.labels?.[clusterSetLabel];
    return set === undefined ? [] : [set];
  });
  const clustersOf = (set: ManagedClusterSet): readonly ManagedCluster[] => {
    if (isExclusive(set)) return byLabel(set.metadata.name ?? '');
    const selector = labelSelectorOf(set);
    if (selector.requirements.length === 0) return selector.matchesNothing ? [] : cache.list();
    return cache.list().filter(({ metadata }) => matchesLabels(selector, metadata.labels));
  };
  return {
    clustersOf,
    countOf: (set) => {
      const isEverything = !isExclusive(set) && labelSelectorOf(set).requirements.length === 0;
      if (!isEverything) return clustersOf(set).length;
      return labelSelectorOf(set).matchesNothing ? 0 : cache.size;
    },
  };
}

export function isInSet(set: ManagedClusterSet, cluster: ManagedCluster | undefined): boolean {
  if (cluster === undefined) return false;
  const { labels } = cluster.metadata;
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
